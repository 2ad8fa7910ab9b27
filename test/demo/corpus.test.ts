// Property: the same tree gives the same passages, each text once, and files outside of the rules are not read.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageOf, readCorpus } from '../../demo/corpus.js';

const PARAGRAPH = 'This paragraph stands in more than one file.';
let root: string;

beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'sagedb-demo-'));
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  write('b/README.md', `# B\n\n${PARAGRAPH.toUpperCase()}\n\nOnly package b has this paragraph of text.`);
  write('a/README.md', `# A\n\n${PARAGRAPH}\n`);
  write('@scope/c/index.d.ts', '/** The only declaration comment of this little tree. */\nexport const x: number;');
  write('a/index.js', '/** A JavaScript file is not read by the demo at all. */');
  symlinkSync(root, path.join(root, 'loop'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('readCorpus', () => {
  it('reads in path order, drops identical texts, does not follow links', () => {
    const corpus = readCorpus(root);
    expect(corpus.passages.map((p) => [p.package, p.title, p.text])).toEqual([
      ['@scope/c', 'x', 'The only declaration comment of this little tree.'],
      ['a', 'A', PARAGRAPH],
      ['b', 'B', 'Only package b has this paragraph of text.'],
    ]);
    expect(corpus).toMatchObject({ files: 3, packages: 3, duplicates: 1 });
    expect(readCorpus(root)).toEqual(corpus);
  });

  it('thins evenly to a limit', () => {
    expect(readCorpus(root, 2).passages.map((p) => p.package)).toEqual(['@scope/c', 'a']);
  });
});

describe('packageOf', () => {
  it.each([
    ['a/lib/b.md', 'a'],
    ['@s/a/b.md', '@s/a'],
    ['a/node_modules/@s/c/d.d.ts', '@s/c'],
    ['a/node_modules/c/d.d.ts', 'c'],
  ])('%s', (file, name) => {
    expect(packageOf(file)).toBe(name);
  });
});
