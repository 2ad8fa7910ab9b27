// Property: a pipeline reads no faster than its sink takes, so what it holds does not grow with what the source has.
import { describe, expect, it } from 'vitest';
import { LocalEnvironment } from '../../lib/pipeline/index.js';
import { until } from '../support/until.js';

function* endless(onRead: () => void) {
  for (let i = 0; ; i++) {
    onRead();
    yield i;
  }
}

describe('back-pressure', () => {
  it.each([
    ['a synchronous source', (read: () => void) => endless(read)],
    [
      'an asynchronous source',
      async function* (read: () => void) {
        yield* endless(read);
      },
    ],
  ])('a slow sink holds back %s through every kind of stage', async (_name, source) => {
    let read = 0;
    let sunk = 0;
    let ahead = 0;
    const env = new LocalEnvironment('slow');
    env
      .fromBatch(source(() => read++))
      .map((x) => x)
      .filter(() => true)
      .map(async (x) => x, { concurrency: 8 })
      .batch((batch) => batch, { batchSize: 10 })
      .flatMap((x) => [x])
      .sink(async () => {
        await new Promise(setImmediate);
        sunk++;
        ahead = Math.max(ahead, read - sunk);
      });
    const handle = env.submit({ bufferSize: 16 });
    await until(() => sunk > 1000);
    const stats = await handle.stop();
    expect(stats.sunk).toBe(stats.read);
    // Six stages with 16 items on each side, their calls and results, and batches of ten: gathered, waiting, at work, done.
    expect(ahead).toBeLessThan(6 * 32 + 2 * 8 + 10 * 8);
  });

  it('an item that becomes endlessly many is expanded no further than the sink takes', async () => {
    let made = 0;
    let sunk = 0;
    const env = new LocalEnvironment('expand');
    env
      .fromBatch(['x'])
      .flatMap(function* () {
        for (;;) yield made++;
      })
      .sink(async () => {
        await new Promise(setImmediate);
        sunk++;
      });
    const handle = env.submit({ bufferSize: 16 });
    await until(() => sunk > 50);
    expect(made - sunk).toBeLessThan(50);
    await handle.stop({ timeout: 0 }).catch(() => undefined);
  });

  it('memory stays flat over a million items', async () => {
    const gc = globalThis.gc ?? (() => undefined);
    const samples: number[] = [];
    let sunk = 0;
    const env = new LocalEnvironment('flat');
    env
      .fromBatch(
        (function* () {
          for (let i = 0; i < 1_000_000; i++) yield { i, text: `item ${i}` };
        })(),
      )
      .map((item) => ({ ...item, twice: item.i * 2 }))
      .batch((batch) => batch, { batchSize: 100 })
      .sink(() => {
        if (++sunk % 100_000 !== 0) return;
        gc();
        samples.push(process.memoryUsage().heapUsed / 2 ** 20);
      });
    const stats = await env.submit({ autostop: true }).done;
    expect(stats.sunk).toBe(1_000_000);
    // Without an exposed collector the heap swings by what it has not collected yet: far less than a million items.
    expect(Math.max(...samples) - Math.min(...samples)).toBeLessThan(64);
  });
});
