// Property: an item that was read is sunk once or reported as failed once, whatever functions, sources and handlers throw.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Failure, LocalEnvironment, MapFunction, type PipelineError } from '../../lib/pipeline/index.js';
import { until } from '../support/until.js';

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);

function failOn(bad: (x: number) => boolean) {
  return async (x: number) => {
    await null;
    if (bad(x)) throw new Error(`bad ${x}`);
    return x;
  };
}

describe('dead letters', () => {
  it('takes the failed items and the pipeline goes on', async () => {
    const sunk: number[] = [];
    const dead: Failure<number>[] = [];
    const env = new LocalEnvironment('dead');
    env
      .fromBatch(numbers(300))
      .map(
        failOn((x) => x % 10 === 3),
        { name: 'check', concurrency: 4, deadLetter: (failure) => void dead.push(failure) },
      )
      .sink((x) => sunk.push(x));
    const stats = await env.submit({ autostop: true }).done;
    expect(dead.map((failure) => failure.item).sort((a, b) => a - b)).toEqual(numbers(300).filter((x) => x % 10 === 3));
    expect(dead[0]).toMatchObject({ stage: 'check', attempts: 1, error: { message: 'bad 3' } });
    expect(sunk).toEqual(numbers(300).filter((x) => x % 10 !== 3));
    expect(stats).toMatchObject({ read: 300, sunk: 270, failed: 30 });
  });

  it("the job's handler serves stages without one; a handler that fails ends the job", async () => {
    const dead: unknown[] = [];
    const env = new LocalEnvironment('job');
    env
      .fromBatch([1, 2, 3])
      .map(failOn((x) => x === 2))
      .sink(() => {});
    await env.submit({ deadLetter: (failure) => void dead.push(failure.item) }).done;
    expect(dead).toEqual([2]);
    env
      .fromBatch([1, 2, 3])
      .map(failOn((x) => x === 2))
      .sink(() => {});
    const { done } = env.submit({
      deadLetter() {
        throw new Error('disk full');
      },
    });
    await expect(done).rejects.toMatchObject({ code: 'DEAD_LETTER_FAILED', failures: [{ item: 2 }] });
  });

  it('reports every item of a failed batch, or only the bad ones with isolate', async () => {
    const run = async (isolate: boolean) => {
      const sunk: number[] = [];
      const dead: unknown[] = [];
      const env = new LocalEnvironment('batch');
      env
        .fromBatch(numbers(10))
        .batch(
          (batch) => {
            if (batch.includes(7)) throw new Error('seven');
            return batch;
          },
          { batchSize: 5, isolate, deadLetter: (failure) => void dead.push(failure.item) },
        )
        .sink((x) => sunk.push(x));
      expect(await env.submit({ autostop: true }).done).toMatchObject({
        read: 10,
        sunk: sunk.length,
        failed: dead.length,
      });
      return [sunk, dead];
    };
    expect(await run(false)).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8, 9],
    ]);
    expect(await run(true)).toEqual([[0, 1, 2, 3, 4, 5, 6, 8, 9], [7]]);
  });
});

describe('retries', () => {
  it('tries again with growing waits, then gives up with the number of attempts', async () => {
    const calls: number[] = [];
    const dead: Failure<string>[] = [];
    const env = new LocalEnvironment('retry');
    env
      .fromBatch(['flaky', 'broken'])
      .map(
        (name) => {
          calls.push(performance.now());
          if (name === 'broken' || calls.length < 3) throw new Error(name);
          return name;
        },
        { retry: { attempts: 3, delayMs: 10, backoff: 3 }, deadLetter: (failure) => void dead.push(failure) },
      )
      .sink(() => {});
    const stats = await env.submit({ autostop: true }).done;
    expect(calls).toHaveLength(6);
    expect(calls[1]! - calls[0]!).toBeGreaterThanOrEqual(9);
    expect(calls[2]! - calls[1]!).toBeGreaterThanOrEqual(29);
    expect(dead).toMatchObject([{ item: 'broken', attempts: 3 }]);
    expect(stats.stages[0]).toMatchObject({ in: 2, out: 1, failed: 1, retries: 4, inFlight: 0 });
  });

  it('retryIf decides which errors are worth it', async () => {
    let calls = 0;
    const env = new LocalEnvironment('retryIf');
    env
      .fromBatch([1])
      .map(
        () => {
          calls++;
          throw new TypeError('never');
        },
        { retry: { attempts: 5, retryIf: (error) => !(error instanceof TypeError) } },
      )
      .sink(() => {});
    await expect(env.submit().done).rejects.toMatchObject({ code: 'STAGE_FAILED', failures: [{ attempts: 1 }] });
    expect(calls).toBe(1);
  });
});

describe('without a handler', () => {
  it('the job stops reading, sinks what it has read, and lists what failed', async () => {
    const sunk: number[] = [];
    let read = 0;
    function* endless() {
      for (;;) yield read++;
    }
    const env = new LocalEnvironment('fail');
    env
      .fromBatch(endless())
      .map(
        failOn((x) => x === 50),
        { concurrency: 3 },
      )
      .sink(async (x) => {
        await null;
        sunk.push(x);
      });
    const handle = env.submit({ autostop: true });
    const error = (await handle.done.catch((e: unknown) => e)) as PipelineError;
    expect(error).toMatchObject({
      name: 'PipelineError',
      code: 'STAGE_FAILED',
      message: expect.stringContaining('bad 50'),
    });
    const failed = error.failures.map((failure) => failure.item as number);
    expect(failed).toEqual([50]);
    expect([...sunk, ...failed].sort((a, b) => a - b)).toEqual(numbers(read));
    expect(handle.stats).toMatchObject({ state: 'failed', read, sunk: read - 1, failed: 1 });
  });

  it.each(['source', 'sink', 'filter', 'flatMap', 'flatMap iterable', 'open', 'close'])(
    'an error in %s',
    async (where) => {
      const boom = new Error('boom');
      const fail = (name: string) => {
        if (name === where) throw boom;
      };
      class Step extends MapFunction<number, number> {
        override open(): void {
          fail('open');
        }
        execute(x: number): number {
          return x;
        }
        override close(): void {
          fail('close');
        }
      }
      function* source() {
        yield 1;
        fail('source');
      }
      const env = new LocalEnvironment('where');
      env
        .fromBatch(source())
        .map(Step)
        .filter(() => {
          fail('filter');
          return true;
        })
        .flatMap((x) => {
          fail('flatMap');
          return (function* () {
            yield x;
            fail('flatMap iterable');
          })();
        })
        .sink(() => fail('sink'));
      const handle = env.submit({ autostop: true });
      const error = (await handle.done.catch((e: unknown) => e)) as PipelineError;
      expect(error.cause).toBe(boom);
      expect(handle.stats.state).toBe('failed');
      expect(error.failures.length).toBe(['source', 'open', 'close'].includes(where) ? 0 : 1);
    },
  );
});

describe('stop', () => {
  it('drains: every item that was read is sunk, the source is closed, nothing more is read', async () => {
    const sunk: number[] = [];
    let read = 0;
    let closed = false;
    async function* endless() {
      try {
        for (;;) {
          await sleep(1);
          yield read++;
        }
      } finally {
        closed = true;
      }
    }
    const env = new LocalEnvironment('stop');
    env
      .fromBatch(endless())
      .map(async (x) => sleep(2, x), { concurrency: 4 })
      .batch((batch) => batch, { batchSize: 1000 })
      .sink((x) => sunk.push(x));
    const handle = env.submit();
    await until(() => read > 20);
    const stats = await handle.stop();
    expect(stats).toMatchObject({ state: 'done', read: sunk.length, failed: 0 });
    expect(sunk).toEqual(numbers(sunk.length));
    expect(closed).toBe(true);
    expect(read).toBe(sunk.length);
  });

  it('does not wait for a source that makes nothing, and reports what it makes later', async () => {
    let deliver: (x: string) => void = () => {};
    async function* silent() {
      yield 'first';
      yield await new Promise<string>((resolve) => {
        deliver = resolve;
      });
    }
    const sunk: string[] = [];
    const dead: Failure[] = [];
    const env = new LocalEnvironment('silent');
    env.fromBatch(silent()).sink((x) => sunk.push(x));
    const handle = env.submit({ deadLetter: (failure) => void dead.push(failure) });
    await until(() => sunk.length === 1);
    await handle.stop({ graceMs: 10 });
    expect(sunk).toEqual(['first']);
    deliver('late');
    await until(() => dead.length === 1);
    expect(dead).toMatchObject([{ stage: 'source', item: 'late', error: { code: 'STOPPED' } }]);
    expect(handle.stats).toMatchObject({ read: 2, sunk: 1, failed: 1 });
  });

  it('an abort reports everything that is under way, also calls that never end', async () => {
    const dead: unknown[] = [];
    const sunk: number[] = [];
    const controller = new AbortController();
    let aborted = 0;
    const env = new LocalEnvironment('abort');
    env
      .fromBatch(numbers(1000))
      .map((x) => x)
      .map(
        (x, { signal }) => {
          if (x < 5) return x;
          signal.addEventListener('abort', () => aborted++);
          return new Promise<number>(() => {});
        },
        { concurrency: 3 },
      )
      .sink((x) => sunk.push(x));
    const handle = env.submit({ signal: controller.signal, deadLetter: (failure) => void dead.push(failure.item) });
    await until(() => handle.stats.stages[1]?.inFlight === 3 && sunk.length === 5);
    controller.abort('enough');
    await expect(handle.done).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    const { read, sunk: count, failed } = handle.stats;
    expect(sunk).toEqual([0, 1, 2, 3, 4]);
    expect(aborted).toBe(3);
    expect(read).toBeLessThan(1000);
    expect([count, failed]).toEqual([5, read - 5]);
    expect([...sunk, ...(dead as number[])].sort((a, b) => a - b)).toEqual(numbers(read));
  });

  it('stop({ timeout }) aborts what does not drain, timeout 0 at once', async () => {
    for (const timeout of [0, 20]) {
      const env = new LocalEnvironment('timeout');
      env.fromBatch([1]).sink(() => new Promise(() => {}));
      const handle = env.submit();
      await until(() => handle.stats.stages[0]?.inFlight === 1);
      await expect(handle.stop({ timeout })).rejects.toMatchObject({
        code: 'ABORTED',
        failures: [{ item: 1, attempts: 1 }],
      });
    }
  });

  it('an abort ends an endless flatMap and a wait between retries', async () => {
    const env = new LocalEnvironment('endless');
    env
      .fromBatch(['x'])
      .flatMap(function* (x) {
        for (;;) yield x;
      })
      .sink(async () => sleep(1));
    env
      .fromBatch(['y'])
      .map(
        () => {
          throw new Error('again');
        },
        { retry: { attempts: 9, delayMs: 1e6 } },
      )
      .sink(() => {});
    const handle = env.submit();
    await until(() => handle.stats.sunk > 3 && handle.stats.stages.some((stage) => stage.retries === 1));
    await expect(handle.stop({ timeout: 0 })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
