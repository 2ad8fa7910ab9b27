import { type Extract, isProse, plainText, splitLong } from './passage.js';

const MIN_WORDS = 6;
const FENCE = /^\s{0,3}(```+|~~~+)/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const UNDERLINE = /^\s{0,3}(=+|-{3,})\s*$/;
const LIST_ITEM = /^\s*([-*+]|\d{1,3}[.)])\s+/;
const SKIPPED = /^\s*(\|.*|\[[^\]]+\]:\s.*|([-*_]\s*){3,}|<!--.*-->)\s*$/;

/**
 * Paragraphs and list items of one Markdown file, each under its nearest heading. Fenced and indented code, tables, front matter,
 * link definitions and HTML comments are left out. A line-wise reader is enough here: the demo needs the prose, not the tree.
 */
export function markdownPassages(source: string): Extract[] {
  const lines = source.replace(/\r\n?/g, '\n').split('\n');
  const passages: Extract[] = [];
  let title = '';
  let paragraph: string[] = [];
  let paragraphLine = 0;
  let fence: string | undefined;
  let comment = false;

  const flush = () => {
    const text = plainText(paragraph.join(' '));
    paragraph = [];
    if (!isProse(text, MIN_WORDS)) return;
    for (const piece of splitLong(text)) passages.push({ kind: 'markdown', line: paragraphLine, title, text: piece });
  };

  for (let i = frontMatterEnd(lines); i < lines.length; i++) {
    const line = lines[i] as string;
    const mark = FENCE.exec(line)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined;
      continue;
    }
    if (comment || line.trimStart().startsWith('<!--')) {
      flush();
      comment = !line.includes('-->');
      continue;
    }
    if (mark !== undefined) {
      flush();
      fence = mark;
      continue;
    }
    const heading = HEADING.exec(line);
    if (heading) {
      flush();
      title = plainText(heading[2] as string);
    } else if (UNDERLINE.test(line) && paragraph.length === 1) {
      title = plainText(paragraph[0] as string);
      paragraph = [];
    } else if (line.trim() === '' || SKIPPED.test(line)) {
      flush();
    } else if (paragraph.length === 0 && /^( {4}|\t)/.test(line) && !LIST_ITEM.test(line)) {
    } else {
      if (LIST_ITEM.test(line)) flush();
      if (paragraph.length === 0) paragraphLine = i + 1;
      paragraph.push(
        line
          .replace(LIST_ITEM, '')
          .replace(/^\s*>\s?/, '')
          .trim(),
      );
    }
  }
  flush();
  return passages;
}

function frontMatterEnd(lines: string[]): number {
  if (lines[0] !== '---') return 0;
  const end = lines.indexOf('---', 1);
  return end > 0 ? end + 1 : 0;
}
