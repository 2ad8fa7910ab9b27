// A process that writes until it is killed. After every acknowledgement it prints one line: «ack <n>».
// Arguments: path, durability, first value.
import { SageDB } from '../../lib/index.js';

const [path = '', durability = 'fsync', first = '0'] = process.argv.slice(2);
const db = await SageDB.open<{ n: number }>({
  path,
  durability: durability as 'fsync' | 'async',
  dimension: 8,
  metric: 'l2',
  rebuildThreshold: 50,
});
process.stdout.write('open\n');
for (let n = Number(first); ; n++) {
  const vector = Float32Array.from({ length: 8 }, (_, i) => Math.sin(n * 8 + i));
  // A row of its own, a counter that is replaced, and a removal: one turn, so one group.
  await Promise.all([
    db.add(vector, { n }, { id: `row-${n}` }),
    db.upsert(vector, { n }, { id: 'counter' }),
    db.remove(`row-${n - 10}`),
  ]);
  process.stdout.write(`ack ${n}\n`);
}
