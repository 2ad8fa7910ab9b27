// What every installed copy must do, shared by the ESM, CommonJS and worker programs: open, write, search, filter, share, close.
const assert = require('node:assert/strict');

module.exports = async function exercise({ SageDB, SageDBError }) {
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
};
