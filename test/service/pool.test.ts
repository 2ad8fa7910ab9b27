// Property: a pool is one engine and many event loops: tasks run in its threads over the data of the caller, and what happens to
// a thread happens to its calls only.
import { afterEach, describe, expect, it } from 'vitest';
import { SageDBServicePool, type SageDBServicePoolOptions, ServiceManager } from '../../lib/service/index.js';
import { typescriptThreads } from '../support/worker-options.js';

type Tasks = typeof import('../support/pool-tasks.js');

const worker = typescriptThreads;
const tasks = new URL('../support/pool-tasks.ts', import.meta.url);
const vectors = [
  [1, 0, 0],
  [0, 1, 0],
];
const pools: { stop(): Promise<void> }[] = [];

function makePool(options: SageDBServicePoolOptions = {}, size = 2): SageDBServicePool<{ n?: number }, Tasks> {
  const pool = new SageDBServicePool<{ n?: number }, Tasks>(3, size, { worker, tasks, ...options });
  pools.push(pool);
  return pool;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.stop()));
});

describe('tasks', () => {
  it('run in several threads over the engine of the caller', async () => {
    const pool = makePool();
    await pool.addBatch(vectors);
    const seen = await Promise.all(Array.from({ length: 8 }, () => pool.run('whoAndHowMany', null)));
    expect(seen.map(([, size]) => size)).toEqual(Array<number>(8).fill(2));
    expect(new Set(seen.map(([thread]) => thread)).size).toBe(2);
    await pool.add([0, 0, 1]);
    expect((await pool.run('whoAndHowMany', null))[1]).toBe(3);
    expect((await pool.stats()).methods.run).toMatchObject({ calls: 9, failures: 0 });
  });

  it("leave the caller's event loop free", async () => {
    const pool = makePool();
    await pool.run('spin', 0);
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const threads = await Promise.all([pool.run('spin', 200), pool.run('spin', 200)]);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
    expect(new Set(threads).size).toBe(2);
  });

  it('errors keep name, message and code; missing tasks and uncloneable values are errors', async () => {
    const pool = makePool();
    await expect(pool.run('fail', 'too far')).rejects.toMatchObject({
      name: 'RangeError',
      message: 'too far',
      code: 'OWN_CODE',
    });
    await expect(pool.run('uncloneable', null)).rejects.toMatchObject({ name: 'DataCloneError' });
    await expect(pool.run('none' as 'fail', '')).rejects.toThrow(/exports no function none/);
    await expect(pool.run('fail', (() => {}) as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(new SageDBServicePool(3, 1).run('x' as never, null as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(makePool({ tasks: new URL('./nothing.js', import.meta.url) }).run('fail', '')).rejects.toThrow(
      /nothing/,
    );
  });

  it('a signal takes a task back', async () => {
    const pool = makePool({}, 1);
    const controller = new AbortController();
    const task = pool.run('untilAborted', null, { signal: controller.signal });
    controller.abort('enough');
    await expect(task).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    expect((await pool.run('whoAndHowMany', null))[1]).toBe(0);
  });

  it('a thread that dies fails its calls and is replaced; the data are still there', async () => {
    const pool = makePool({}, 1);
    await pool.addBatch(vectors);
    await expect(pool.run('die', 7)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('7'),
    });
    expect((await pool.run('whoAndHowMany', null))[1]).toBe(2);
    expect(await pool.count()).toBe(2);
  });
});

describe.each(['caller', 'workers'] as const)('searches by %s', (dispatch) => {
  it('give the same hits and errors', async () => {
    const pool = makePool({ dispatch, metric: 'l2' });
    await pool.addBatch(vectors, [{ n: 1 }, { n: 2 }]);
    expect(await pool.search([1, 0, 0], { k: 1 })).toEqual([{ id: 1, score: 0, metadata: { n: 1 } }]);
    const [hits] = await pool.batchSearch(new Float32Array([0, 1, 0]), { k: 1, includeVector: true, filter: { n: 2 } });
    expect(hits).toEqual([{ id: 2, score: 0, metadata: { n: 2 }, vector: new Float32Array([0, 1, 0]) }]);
    await expect(pool.search([1])).rejects.toMatchObject({ name: 'SageDBError', code: 'DIMENSION_MISMATCH' });
    await expect(pool.search([1, 0, 0], { signal: AbortSignal.abort('no') })).rejects.toMatchObject({
      code: 'ABORTED',
      cause: 'no',
    });
    expect((await pool.stats()).methods.search).toMatchObject({ calls: 3, failures: 2 });
  });

  it('work behind a manager, with timeouts, and stop with it', async () => {
    const pool = makePool({ dispatch });
    const manager = new ServiceManager().register('sage_db', () => pool);
    await manager.callService('sage_db', { method: 'add' }, [1, 0, 0], { n: 1 });
    const call = manager.callService('sage_db', { method: 'search', timeout: 30_000 }, [1, 0, 0]);
    expect(await call).toMatchObject([{ id: 1, metadata: { n: 1 } }]);
    expect((await manager.health()).services.sage_db).toMatchObject({ healthy: true, details: { size: 1 } });
    await manager.shutdown();
    await expect(pool.search([1, 0, 0])).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

it('refuses a pool size that is none', () => {
  for (const size of [0, -1, 1.5, Number.NaN]) expect(() => new SageDBServicePool(3, size)).toThrow(/poolSize/);
});
