// Property: what comes out of a pipeline is what its functions make of what goes in, in order unless told otherwise.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  BatchFunction,
  FilterFunction,
  FlatMapFunction,
  LocalEnvironment,
  MapFunction,
  PipelineError,
  SinkFunction,
  SourceFunction,
} from '../../lib/pipeline/index.js';

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);

async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await null;
    yield item;
  }
}

describe('sources', () => {
  it.each([
    ['an array', () => numbers(500)],
    ['a set', () => new Set(numbers(500))],
    ['a generator', () => numbers(500).values()],
    ['an async generator', () => slowly(numbers(500))],
    ['a typed array', () => Uint16Array.from(numbers(500))],
  ])('reads %s', async (_name, items) => {
    const sunk: number[] = [];
    const env = new LocalEnvironment('source');
    env.fromBatch(items()).sink((x) => sunk.push(x));
    const stats = await env.submit({ autostop: true }).done;
    expect(sunk).toEqual(numbers(500));
    expect(stats).toMatchObject({ state: 'done', read: 500, sunk: 500, failed: 0 });
  });

  it('reads a source class over its data, with services', async () => {
    const env = new LocalEnvironment('source').registerService('pages', () => ({
      page: async (i: number) => (i < 3 ? [`${i}a`, `${i}b`] : []),
    }));
    class Pages extends SourceFunction<number, string, { pages: { page(i: number): Promise<string[]> } }> {
      async *execute(from: number): AsyncGenerator<string> {
        for (let i = from; ; i++) {
          const page = await this.callService('pages', { method: 'page' }, i);
          if (page.length === 0) return;
          yield* page;
        }
      }
    }
    const sunk: string[] = [];
    env.fromBatch(Pages, 1).sink((item) => sunk.push(item));
    await env.submit({ autostop: true }).done;
    expect(sunk).toEqual(['1a', '1b', '2a', '2b']);
  });

  it('carries null, undefined, errors and promises like anything else', async () => {
    const error = new Error('data');
    const items = [null, undefined, 0, '', error, false, Number.NaN];
    const sunk: unknown[] = [];
    const env = new LocalEnvironment('values');
    env
      .fromBatch<unknown>(items)
      .map((x) => x)
      .batch({ batchSize: 2 })
      .flatMap((batch) => batch.values())
      .sink((x) => sunk.push(x));
    await env.submit({ autostop: true }).done;
    expect(sunk).toEqual(items);
  });

  it('an empty source ends at once', async () => {
    const env = new LocalEnvironment('empty');
    env
      .fromBatch([])
      .batch()
      .sink(() => expect.unreachable());
    expect(await env.submit({ autostop: true }).done).toMatchObject({ read: 0, sunk: 0, total: 0 });
  });
});

describe('stages', () => {
  it('class-style functions and plain functions mix', async () => {
    class Double extends MapFunction<number, number> {
      async execute(x: number): Promise<number> {
        return x * 2;
      }
    }
    class Small extends FilterFunction<number> {
      execute(x: number): boolean {
        return x < 20;
      }
    }
    class Twice extends FlatMapFunction<number, string> {
      *execute(x: number): Generator<string> {
        yield `${x}`;
        yield `${x}!`;
      }
    }
    class Join extends BatchFunction<string, string> {
      execute(batch: string[]): string[] {
        return batch.map((text) => `${text}/${batch.length}`);
      }
    }
    class Collect extends SinkFunction<string> {
      readonly events: string[] = [];
      override open(): void {
        this.events.push('open');
      }
      execute(text: string): void {
        this.events.push(text);
      }
      override close(): void {
        this.events.push('close');
      }
    }
    const sink = new Collect();
    const env = new LocalEnvironment('classes');
    env
      .fromBatch(numbers(100))
      .filter((x) => x % 5 === 0)
      .map(Double)
      .filter(new Small())
      .flatMap(Twice)
      .batch(Join, { batchSize: 3 })
      .sink(sink);
    const stats = await env.submit({ autostop: true }).done;
    expect(sink.events).toEqual(['open', '0/3', '0!/3', '10/3', '10!/1', 'close']);
    expect(stats.stages.map(({ name, in: arrived, out, dropped }) => [name, arrived, out, dropped])).toEqual([
      ['filter-1', 100, 20, 80],
      ['Double', 20, 20, 0],
      ['Small', 20, 2, 18],
      ['Twice', 2, 4, 0],
      ['Join', 4, 4, 0],
      ['Collect', 4, 4, 0],
    ]);
  });

  it('keeps the order of items whose calls end in another order', async () => {
    const sunk: number[] = [];
    let running = 0;
    let peak = 0;
    const env = new LocalEnvironment('ordered');
    env
      .fromBatch(numbers(200))
      .map(
        async (x) => {
          peak = Math.max(peak, ++running);
          await sleep(x % 7);
          running--;
          return x;
        },
        { concurrency: 8 },
      )
      .sink((x) => sunk.push(x));
    await env.submit({ autostop: true }).done;
    expect(sunk).toEqual(numbers(200));
    expect(peak).toBe(8);
  });

  it('ordered: false lets results go as they come, each once', async () => {
    const sunk: number[] = [];
    const env = new LocalEnvironment('unordered');
    env
      .fromBatch([40, 1, 1, 1])
      .map(async (ms, { signal }) => sleep(ms, ms, { signal }), { concurrency: 4, ordered: false })
      .sink((x) => sunk.push(x));
    await env.submit({ autostop: true }).done;
    expect(sunk).toEqual([1, 1, 1, 40]);
  });

  it('stages work at the same time', async () => {
    const busy = new Set<string>();
    let together = false;
    const work = (name: string) => async (x: number) => {
      busy.add(name);
      together ||= busy.size === 2;
      await sleep(1);
      busy.delete(name);
      return x;
    };
    const env = new LocalEnvironment('overlap');
    env
      .fromBatch(numbers(20))
      .map(work('a'))
      .map(work('b'))
      .sink(() => {});
    await env.submit({ autostop: true }).done;
    expect(together).toBe(true);
  });

  it('batches of a slow source leave after maxWaitMs', async () => {
    const batches: number[][] = [];
    async function* source() {
      yield 1;
      yield 2;
      await sleep(80);
      yield 3;
    }
    const env = new LocalEnvironment('wait');
    env
      .fromBatch(source())
      .batch({ batchSize: 100, maxWaitMs: 10 })
      .sink((batch) => batches.push(batch));
    await env.submit({ autostop: true }).done;
    expect(batches).toEqual([[1, 2], [3]]);
  });

  it('a batch function that gives another number of results fails its batch', async () => {
    const env = new LocalEnvironment('length');
    env
      .fromBatch([1, 2, 3])
      .batch((batch) => batch.slice(1))
      .sink(() => {});
    await expect(env.submit().done).rejects.toMatchObject({
      code: 'STAGE_FAILED',
      cause: { code: 'BATCH_LENGTH' },
      failures: [{ item: 1 }, { item: 2 }, { item: 3 }],
    });
  });
});

describe('environment', () => {
  it('autostop shuts the services down; without it they stay for the next job', async () => {
    let stopped = 0;
    const make = () =>
      new LocalEnvironment('services').registerService('add', () => ({
        one: (x: number) => x + 1,
        stop() {
          stopped++;
        },
      }));
    const first = make();
    const run = async (env: ReturnType<typeof make>, autostop: boolean) => {
      const sunk: number[] = [];
      env
        .fromBatch([1, 2])
        .map((x, { callService }) => callService('add', { method: 'one' }, x))
        .sink((x) => sunk.push(x));
      await env.submit({ autostop }).done;
      return sunk;
    };
    expect(await run(first, false)).toEqual([2, 3]);
    expect(await run(first, false)).toEqual([2, 3]);
    expect(stopped).toBe(0);
    expect(await first.callService('add', { method: 'one' }, 5)).toBe(6);
    await first.close();
    expect(stopped).toBe(1);
    expect(await run(make(), true)).toEqual([2, 3]);
    expect(stopped).toBe(2);
  });

  it('runs several pipelines as one job', async () => {
    const sunk: string[] = [];
    const env = new LocalEnvironment('two');
    env.fromBatch(['a', 'b']).sink((x) => sunk.push(x));
    env.fromBatch(['c']).sink((x) => sunk.push(x));
    expect(await env.submit({ autostop: true }).done).toMatchObject({ read: 3, sunk: 3, total: 3 });
    expect(sunk.sort()).toEqual(['a', 'b', 'c']);
  });

  it('reports progress, at least at the end', async () => {
    const seen: number[] = [];
    const env = new LocalEnvironment('progress');
    env.fromBatch(numbers(30)).sink(() => sleep(1));
    await env.submit({ progressIntervalMs: 10, onProgress: (stats) => seen.push(stats.sunk) }).done;
    expect(seen.length).toBeGreaterThan(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(30);
  });

  it('refuses pipelines that cannot run', async () => {
    const env = new LocalEnvironment('wrong');
    expect(() => env.submit()).toThrow(PipelineError);
    expect(() => env.fromBatch(5 as never)).toThrow(/expected an iterable/);
    const stream = env.fromBatch([1]);
    expect(() => stream.map(5 as never)).toThrow(/expected a function/);
    expect(() => stream.map((x) => x, { concurrency: 0 })).toThrow(/concurrency/);
    expect(() => stream.map((x) => x, { retry: 0 })).toThrow(/retry.attempts/);
    expect(() => stream.batch({ batchSize: 0.5 })).toThrow(/batchSize/);
    stream.map((x) => x);
    expect(() => stream.map((x) => x)).toThrow(/goes on elsewhere/);
  });
});
