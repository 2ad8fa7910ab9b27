// Retrieval-augmented generation over a folder of Markdown: cuts files into passages at their headings, keeps the folder's index up to date
// (a file that changed is replaced in one step, one that is gone is removed), and makes the prompt for a question, with its sources.
//
//   npx tsx examples/markdown-rag.ts docs "how does a snapshot work"
//
// Put an embedding model in the place of embed(), and send the prompt to a language model.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SageDB } from '../lib/index.js';
import { DIMENSION, embed } from './embedder.js';

export interface Passage {
  file: string;
  /** Of the file's content, to see whether it changed. */
  hash: string;
  heading: string;
  text: string;
}

const MAX_CHARACTERS = 1200;

/** Paragraphs under their heading, joined up to a length that a prompt can hold several of. */
export function passagesOf(markdown: string): { heading: string; text: string }[] {
  const passages: { heading: string; text: string }[] = [];
  let heading = '';
  for (const paragraph of markdown.split(/\n{2,}|\n(?=#)/)) {
    const title = /^#+ +(.*)\n?/.exec(paragraph);
    if (title) heading = title[1]!;
    const text = paragraph.replace(/^#+ .*\n?/, '').trim();
    if (text === '') continue;
    const last = passages.at(-1);
    if (last?.heading === heading && last.text.length + text.length < MAX_CHARACTERS) last.text += `\n\n${text}`;
    else passages.push({ heading, text });
  }
  return passages;
}

/** Brings the index up to date with the folder; returns how many files were indexed again and how many had gone. */
export async function indexFolder(db: SageDB<Passage>, folder: string): Promise<{ changed: number; removed: number }> {
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.md'));
  const known = new Map<string, string>();
  for await (const { metadata } of db.iterate(undefined, { select: ['file', 'hash'] }))
    known.set(metadata.file, metadata.hash);
  let changed = 0;
  for (const file of files) {
    const content = await readFile(join(folder, file), 'utf8');
    const hash = createHash('sha256').update(content).digest('hex');
    if (known.get(file) === hash) continue;
    const rows = passagesOf(content).map((passage) => ({
      vector: embed(`${passage.heading} ${passage.text}`),
      metadata: { file, hash, ...passage },
    }));
    // Old passages out and new ones in, at once: no search sees half a file.
    await db.replaceWhere({ file }, rows);
    changed++;
  }
  const gone = [...known.keys()].filter((file) => !files.includes(file));
  if (gone.length > 0) await db.removeWhere({ file: { $in: gone } });
  return { changed, removed: gone.length };
}

/** The question with the passages that answer it best, at most two of one file. */
export async function promptFor(db: SageDB<Passage>, question: string): Promise<{ prompt: string; sources: string[] }> {
  const hits = await db.search(embed(question), { k: 4, groupBy: 'file', groupSize: 2 });
  const sources = hits.map(({ metadata }) => `${metadata.file} › ${metadata.heading}`);
  const context = hits.map(({ metadata }, i) => `[${i + 1}] ${sources[i]}\n${metadata.text}`).join('\n\n');
  return {
    sources,
    prompt: `Answer from these passages alone and cite them by number.\n\n${context}\n\nQuestion: ${question}\nAnswer:`,
  };
}

if (process.argv[1] === import.meta.filename) {
  const [folder = 'docs', question = 'what happens when the power fails'] = process.argv.slice(2);
  await using db = await SageDB.open<Passage>({ path: '.cache/markdown-rag', dimension: DIMENSION });
  const { changed, removed } = await indexFolder(db, folder);
  console.log(`${changed} files indexed, ${removed} removed, ${db.size} passages\n`);
  console.log((await promptFor(db, question)).prompt);
}
