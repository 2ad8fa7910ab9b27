// A writer for readers to follow: commits without a pause, publishes a new generation every few commits, and prints «ack <n>» after each.
// Arguments: path, first value, an empty folder for snapshots.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { SageDB } from '../../lib/index.js';

const [path = '', first = '0', scratch = ''] = process.argv.slice(2);
const db = await SageDB.open<{ n: number }>({ path, dimension: 8, metric: 'l2', rebuildThreshold: 50 });
for (let n = Number(first); ; n++) {
  const vector = Float32Array.from({ length: 8 }, (_, i) => Math.sin(n * 8 + i));
  await Promise.all([
    db.add(vector, { n }, { id: `row-${n}` }),
    db.upsert(vector, { n }, { id: 'counter' }),
    db.remove(`row-${n - 10}`),
  ]);
  process.stdout.write(`ack ${n}\n`);
  if (n % 90 === 40) await db.optimize();
  if (n % 7 !== 0) continue;
  // snapshot() begins with a checkpoint: the folder gets a new generation and loses the one before the last.
  const copy = join(scratch, String(n));
  await db.snapshot(copy);
  rmSync(copy, { recursive: true });
}
