import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { declarationPassages } from './declarations.js';
import { markdownPassages } from './markdown.js';
import type { Passage } from './passage.js';

const MARKDOWN = /\.(md|markdown)$/i;
const DECLARATIONS = /\.d\.[cm]?ts$/;
// Bundled declaration files repeat whole dependencies; nothing above this size is written by hand except lib.dom and typescript.
const MAX_FILE = 4 << 20;

export type Corpus = {
  passages: Passage[];
  files: number;
  packages: number;
  /** Passages left out because an identical one was there already. */
  duplicates: number;
};

/**
 * Every Markdown paragraph and declaration comment below `root` (a node_modules folder), in path order, identical texts once.
 * The same tree gives the same corpus. `limit` keeps an evenly spread subset.
 */
export function readCorpus(
  root: string,
  limit = Number.POSITIVE_INFINITY,
  onFile?: (done: number, total: number) => void,
): Corpus {
  const files = textFiles(root);
  const passages: Passage[] = [];
  const seen = new Set<string>();
  const packages = new Set<string>();
  let duplicates = 0;
  files.forEach((file, index) => {
    onFile?.(index + 1, files.length);
    const source = readFileSync(path.join(root, file), 'utf8');
    if (source.length > MAX_FILE) return;
    const owner = packageOf(file);
    for (const extract of MARKDOWN.test(file) ? markdownPassages(source) : declarationPassages(source)) {
      const key = extract.text.toLowerCase();
      if (seen.has(key)) {
        duplicates++;
        continue;
      }
      seen.add(key);
      packages.add(owner);
      passages.push({ ...extract, package: owner, file });
    }
  });
  return { passages: thin(passages, limit), files: files.length, packages: packages.size, duplicates };
}

/** Name of the package a path below node_modules belongs to: `a/b.md` -> a, `@s/a/node_modules/c/d.md` -> c. */
export function packageOf(file: string): string {
  const parts = (file.split('node_modules/').at(-1) as string).split('/');
  return parts[0]?.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string);
}

// Links are not followed: workspaces link back into the repository, and a cycle must not hang the demo.
function textFiles(root: string): string[] {
  const found: string[] = [];
  const visit = (folder: string) => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) visit(name);
      else if (entry.isFile() && (MARKDOWN.test(name) || DECLARATIONS.test(name))) found.push(name);
    }
  };
  visit('');
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function thin<T>(items: T[], limit: number): T[] {
  if (items.length <= limit) return items;
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)] as T);
}
