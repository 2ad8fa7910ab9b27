// Semantic deduplication: of texts that say nearly the same, keeps one. The longest of each group stays; the others are removed and named.
//
//   npx tsx examples/semantic-dedup.ts < sentences.txt
import { createInterface } from 'node:readline';
import { SageDB } from '../lib/index.js';
import { DIMENSION, embed } from './embedder.js';

export interface Duplicate {
  kept: string;
  dropped: string[];
}

/** Groups of texts of at least this similarity, directly or through others of the group. */
export async function deduplicate(texts: readonly string[], similarity = 0.85): Promise<Duplicate[]> {
  await using db = await SageDB.open<{ text: string }>({ dimension: DIMENSION, metric: 'cosine' });
  await db.addBatch(
    texts.map(embed),
    texts.map((text) => ({ text })),
  );
  const groups = await db.findDuplicates({ radius: similarity });
  const duplicates: Duplicate[] = [];
  for (const ids of groups) {
    const items = await db.getMany(ids);
    const ranked = items.map((item) => item!.metadata.text).sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
    duplicates.push({ kept: ranked[0]!, dropped: ranked.slice(1) });
  }
  return duplicates;
}

if (process.argv[1] === import.meta.filename) {
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) if (line.trim() !== '') lines.push(line.trim());
  const duplicates = await deduplicate(lines);
  for (const { kept, dropped } of duplicates)
    console.log(`${kept}\n${dropped.map((text) => `  = ${text}`).join('\n')}`);
  const saved = duplicates.reduce((sum, { dropped }) => sum + dropped.length, 0);
  console.log(`${lines.length - saved} of ${lines.length} lines say something of their own`);
}
