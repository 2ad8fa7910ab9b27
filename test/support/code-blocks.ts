import { readFileSync } from 'node:fs';

/** One program or shell script of a page, and what the page says it prints. */
export interface Program {
  kind: 'ts' | 'js' | 'sh';
  code: string;
  /** Line of its first block. */
  line: number;
  /** The `text` blocks after it, joined; undefined when there are none. */
  output: string | undefined;
  /** Package that the program needs and this project does not have (`needs=<package>`). */
  needs: string | undefined;
}

interface Block {
  /** What its page leaves out: a comment `<!-- before` … `-->` above it. */
  before: string;
  language: string;
  flags: string[];
  code: string;
  line: number;
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  let before = '';
  let hidden = false;
  for (const [i, line] of markdown.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence && open) {
      blocks.push(open);
      open = undefined;
    } else if (fence) {
      const [language = '', ...flags] = fence[1]!.trim().split(/\s+/);
      open = { before, language, flags, code: '', line: i + 1 };
      before = '';
    } else if (open) open.code += `${line}\n`;
    else if (line === '<!-- before' || (hidden && line === '-->')) hidden = !hidden;
    else if (hidden) before += `${line}\n`;
  }
  return blocks;
}

/**
 * The programs of a page. A block that imports begins a program; blocks without imports go on with it. Shell blocks stand for themselves.
 * A `text` block is what the program before it prints. A comment `<!-- before` holds what a block needs and does not show. `no-run` after the language takes a block out.
 */
export function programsOf(path: string): Program[] {
  const programs: Program[] = [];
  for (const { before, language, flags, code: shown, line } of blocksOf(readFileSync(path, 'utf8'))) {
    const last = programs.at(-1);
    const code = before + shown;
    if (flags.includes('no-run')) continue;
    const needs = flags.find((flag) => flag.startsWith('needs='))?.slice('needs='.length);
    if (language === 'text') {
      if (last === undefined) throw new Error(`${path}:${line}: output without a program`);
      last.output = (last.output ?? '') + code;
    } else if (language === 'sh') programs.push({ kind: 'sh', code, line, output: undefined, needs });
    else if (language === 'ts' || language === 'js') {
      if (/^import /m.test(code)) programs.push({ kind: language, code, line, output: undefined, needs });
      else if (last?.kind === language) last.code += code;
      else throw new Error(`${path}:${line}: the first block of a program has to import what it uses`);
    } else if (language !== 'json')
      throw new Error(`${path}:${line}: a block in ${language || 'no language'}; say what it is`);
  }
  return programs;
}
