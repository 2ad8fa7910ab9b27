import { type Extract, isProse, plainText, splitLong } from './passage.js';

const MIN_WORDS = 6;
const COMMENT = /\/\*\*(?!\/)([\s\S]*?)\*\/[ \t]*\n?([^\n]*)/g;
const MODIFIERS =
  /^(export|declare|default|abstract|static|readonly|public|protected|private|async|function|class|interface|type|const|let|var|enum|namespace|module|get|set|new)\s+/;

/** Documentation comments of one declaration file, each with the name of the symbol that follows it. Examples are left out. */
export function declarationPassages(source: string): Extract[] {
  const text = source.replace(/\r\n?/g, '\n');
  const passages: Extract[] = [];
  let line = 1;
  let counted = 0;
  for (const match of text.matchAll(COMMENT)) {
    for (; counted < match.index; counted++) if (text.charCodeAt(counted) === 10) line++;
    const body = commentText(match[1] as string);
    if (!isProse(body, MIN_WORDS)) continue;
    const title = symbolName(match[2] as string);
    for (const piece of splitLong(body)) passages.push({ kind: 'declaration', line, title, text: piece });
  }
  return passages;
}

/** Name declared by the line after a comment; empty when there is none (an overload, a file comment). */
export function symbolName(declaration: string): string {
  let rest = declaration.trim();
  for (let before = ''; before !== rest; ) {
    before = rest;
    rest = rest.replace(MODIFIERS, '');
  }
  return /^['"]?([\p{L}_$][\p{L}\p{N}_$.:/-]*)['"]?\s*[?!]?\s*[(<:={;,]?/u.exec(rest)?.[1]?.replace(/[:.]$/, '') ?? '';
}

function commentText(comment: string): string {
  const kept: string[] = [];
  let skipping = false;
  for (const raw of comment.split('\n')) {
    const line = raw.replace(/^\s*\*? ?/, '');
    const tag = /^\s*@(\w+)/.exec(line)?.[1];
    if (tag !== undefined) skipping = tag === 'example' || tag === 'see' || tag === 'since' || tag === 'internal';
    if (/^\s*(```|~~~)/.test(line)) {
      skipping = !skipping;
      continue;
    }
    if (!skipping)
      kept.push(
        line
          .replace(/^\s*@(param|returns?|deprecated|default(?:Value)?|remarks|throws)\b(\s*\{[^}]*\})?/, ' ')
          .replace(/(?<!\{)@\w+/g, ' '),
      );
  }
  return plainText(kept.join(' '));
}
