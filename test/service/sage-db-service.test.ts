// Property: the service is its database with counters: same values, same errors, closed by whoever opened it.
import { describe, expect, it } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { SageDBService, ServiceManager } from '../../lib/service/index.js';
import { SequentialDatabase } from '../support/sequential-database.js';

type Meta = { name: string };

describe('SageDBService', () => {
  it('takes lists and typed arrays, gives plain objects', async () => {
    const service = new SageDBService<Meta>({ dimension: 2, metric: 'l2' });
    expect(await service.add([0, 1], { name: 'list' }, { id: 'a' })).toBe('a');
    expect(await service.addBatch(new Float32Array([1, 0, 2, 0]), [{ name: 'x' }, { name: 'y' }])).toEqual([1, 2]);
    expect(await service.upsert(Float64Array.of(0, 2), { name: 'again' }, { id: 'a' })).toBe('a');
    expect(await service.upsertBatch([[3, 0]], undefined, { ids: [7] })).toEqual([7]);
    expect(await service.update(7, { metadata: { name: 'seven' } })).toBe(true);
    expect(await service.get(7, { includeVector: true })).toEqual({
      id: 7,
      metadata: { name: 'seven' },
      vector: new Float32Array([3, 0]),
    });
    expect(await service.search([1, 0], { k: 1 })).toEqual([{ id: 1, score: 0, metadata: { name: 'x' } }]);
    expect(await service.batchSearch([[2, 0]], { k: 1, filter: { name: 'y' } })).toEqual([
      [{ id: 2, score: 0, metadata: { name: 'y' } }],
    ]);
    expect([await service.count(), await service.remove([7, 'none']), await service.remove('a')]).toEqual([4, 1, 1]);
    await service.buildIndex();
    await service.flush();
    const { methods, database } = await service.stats();
    expect(database).toMatchObject({ size: 2, dimension: 2, metric: 'l2' });
    expect(methods.remove).toMatchObject({ calls: 2, failures: 0, latency: { count: 2 } });
    await service.stop();
  });

  it('counts failures and passes errors on as they are', async () => {
    const service = new SageDBService({ dimension: 2 });
    await expect(service.search([1])).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' });
    await service.add([1, 0]);
    const { methods } = await service.stats();
    expect(methods.search).toMatchObject({ calls: 1, failures: 1 });
    expect(methods.add?.latency.p99).toBeGreaterThan(0);
    expect(methods.add?.latency.p99).toBeLessThanOrEqual(methods.add?.latency.max ?? 0);
    await service.stop();
  });

  it('opens once, also under concurrent first calls, and again after a failure', async () => {
    let opened = 0;
    const service = new SageDBService({
      database: async () => {
        if (++opened === 1) throw new Error('not yet');
        return new SequentialDatabase({ dimension: 2 });
      },
    });
    const failed = await Promise.allSettled([service.count(), service.count()]);
    expect(failed.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
    expect(await Promise.all([service.count(), service.count()])).toEqual([0, 0]);
    expect(opened).toBe(2);
  });

  it('closes what it opened, and leaves open what it was given', async () => {
    const given = await SageDB.open({ dimension: 2 });
    const borrowed = new SageDBService({ database: given });
    await borrowed.add([1, 0]);
    await borrowed.stop();
    expect(given.size).toBe(1);
    await expect(borrowed.count()).rejects.toMatchObject({ code: 'CLOSED' });
    const owned = new SageDBService({ database: given, closeDatabase: true });
    await owned.count();
    await owned.stop();
    await owned.stop();
    await expect(given.count()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('hands the signal of a call to the database, together with one from the options', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    class Spy extends SequentialDatabase {
      // biome-ignore lint/suspicious/noExplicitAny: the test looks at one option of a generic method
      override async search(_query: unknown, options: any): Promise<any> {
        signals.push(options?.signal);
        return [];
      }
    }
    const database = new Spy({ dimension: 2 });
    const manager = new ServiceManager().register('sage_db', () => new SageDBService({ database }));
    const outer = new AbortController();
    const inner = new AbortController();
    await manager.callService('sage_db', { method: 'search' }, [1, 0]);
    await manager.callService('sage_db', { method: 'search', signal: outer.signal }, [1, 0]);
    await manager.callService('sage_db', { method: 'search', timeout: 1000 }, [1, 0], { k: 1, signal: inner.signal });
    expect(signals[0]).toBeUndefined();
    expect(signals[1]).toBe(outer.signal);
    expect(signals[2]?.aborted).toBe(false);
    inner.abort();
    expect(signals[2]?.aborted).toBe(true);
  });
});
