// What every installed copy must do, shared by the ESM, CommonJS, bundled and worker programs: open, write, search, filter, share, close,
// and find everything again in a folder.
const assert = require('node:assert/strict');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

async function persist({ SageDB }) {
  const folder = mkdtempSync(join(tmpdir(), 'sagedb-consumer-'));
  const path = join(folder, 'database');
  const rows = Array.from({ length: 500 }, (_, i) => [i, i % 7, 1]);
  const written = await SageDB.open({ path, dimension: 3, metric: 'l2', index: { type: 'hnsw' } });
  await written.addBatch(
    rows,
    rows.map((_, n) => ({ n })),
  );
  await written.buildIndex();
  await written.remove(100);
  await written.close();
  const found = await SageDB.open({ path });
  assert.equal(found.size, 499);
  const [hit] = await found.search([250, 250 % 7, 1], { k: 1 });
  assert.deepEqual(hit.metadata, { n: 250 });
  assert.equal(await found.has(100), false);
  await found.verify();
  await found.snapshot(join(folder, 'snapshot'));
  await found.close();
  const copy = await SageDB.open({ path: join(folder, 'snapshot'), readOnly: true });
  assert.equal(copy.size, 499);
  await copy.close();
  rmSync(folder, { recursive: true });
}

async function share({ SageDB, SageDBError }) {
  const db = await SageDB.open({ dimension: 4, metric: 'l2' });
  const id = await db.add([1, 0, 0, 0], { colour: 'red' });
  const ids = await db.addBatch(
    [
      [0, 1, 0, 0],
      [0, 0, 1, 0],
    ],
    [{ colour: 'green' }, { colour: 'blue' }],
    { ids: ['g', 'b'] },
  );
  assert.deepEqual(ids, ['g', 'b']);
  const [nearest] = await db.search([1, 0.1, 0, 0], { k: 1 });
  assert.equal(nearest.id, id);
  assert.deepEqual(nearest.metadata, { colour: 'red' });
  const filtered = await db.search([1, 0.1, 0, 0], { k: 3, filter: { colour: 'blue' } });
  assert.deepEqual(
    filtered.map((hit) => hit.id),
    ['b'],
  );
  assert.equal(await db.remove('b'), true);
  assert.equal(db.size, 2);
  await assert.rejects(
    db.search([1, 2]),
    (error) => error instanceof SageDBError && error.code === 'DIMENSION_MISMATCH',
  );
  const shared = SageDB.attach(db.handle);
  assert.equal(shared.size, 2);
  await shared.close();
  await db.close();
}

module.exports = async function exercise(sagedb) {
  await share(sagedb);
  await persist(sagedb);
};
