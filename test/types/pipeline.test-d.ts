// Property: item types and required services flow through the chain, so that stages that do not fit do not compile.
import { describe, expectTypeOf, it } from 'vitest';
import {
  BatchFunction,
  type DataStream,
  FlatMapFunction,
  LocalEnvironment,
  MapFunction,
  SinkFunction,
  SourceFunction,
} from '../../lib/pipeline/index.js';

interface Embedder {
  embed(text: string): Promise<Float32Array>;
}
interface Clock {
  now(): number;
}
type Services = { embedder: Embedder };

class Lines extends SourceFunction<string, string> {
  execute(text: string): string[] {
    return text.split('\n');
  }
}
class Embed extends MapFunction<string, { text: string; vector: Float32Array }, Services> {
  async execute(text: string): Promise<{ text: string; vector: Float32Array }> {
    // @ts-expect-error no such service
    this.callService('clock', { method: 'now' });
    // @ts-expect-error no such method
    this.callService('embedder', { method: 'encode' }, text);
    return { text, vector: await this.callService('embedder', { method: 'embed' }, text) };
  }
}
class Words extends FlatMapFunction<string, string> {
  execute(text: string): Iterable<string> {
    return text.split(' ');
  }
}
class Lengths extends BatchFunction<string, number> {
  execute(batch: string[]): number[] {
    return batch.map((text) => text.length);
  }
}
class Print extends SinkFunction<number> {
  execute(_n: number): void {}
}
declare const embedder: Embedder;
declare const clock: Clock;

const env = new LocalEnvironment('types')
  .registerService('embedder', () => embedder)
  .registerService('clock', () => clock);
type ItemOf<S> = S extends DataStream<infer T, infer _S> ? T : never;

describe('streams', () => {
  it('item types follow the functions', () => {
    const lines = env.fromBatch(Lines, 'a\nb');
    expectTypeOf<ItemOf<typeof lines>>().toEqualTypeOf<string>();
    const embedded = env.fromBatch(['a']).map(Embed);
    expectTypeOf<ItemOf<typeof embedded>>().toEqualTypeOf<{ text: string; vector: Float32Array }>();
    const words = env.fromBatch(new Set(['a b'])).flatMap(new Words());
    expectTypeOf<ItemOf<typeof words>>().toEqualTypeOf<string>();
    const lengths = env.fromBatch(['a']).batch(Lengths, { batchSize: 2 });
    expectTypeOf<ItemOf<typeof lengths>>().toEqualTypeOf<number>();
    const plain = env.fromBatch(['a']).map(async (text) => text.length);
    expectTypeOf<ItemOf<typeof plain>>().toEqualTypeOf<number>();
    const gathered = env.fromBatch([1]).batch({ batchSize: 3 });
    expectTypeOf<ItemOf<typeof gathered>>().toEqualTypeOf<number[]>();
    const narrowed = env.fromBatch([1, 'a']).filter((x): x is string => typeof x === 'string');
    expectTypeOf<ItemOf<typeof narrowed>>().toEqualTypeOf<string>();
    const called = env
      .fromBatch(['a'])
      .map((text, { callService }) => callService('embedder', { method: 'embed' }, text));
    expectTypeOf<ItemOf<typeof called>>().toEqualTypeOf<Float32Array>();
    expectTypeOf(env).toEqualTypeOf<
      LocalEnvironment<Record<never, never> & Record<'embedder', Embedder> & Record<'clock', Clock>>
    >();
  });

  it('what does not fit does not compile', () => {
    // @ts-expect-error numbers are no texts
    env.fromBatch([1]).map(Embed);
    // @ts-expect-error texts are no numbers
    env.fromBatch(['a']).sink(Print);
    // @ts-expect-error the source wants a text
    env.fromBatch(Lines, 5);
    // @ts-expect-error the environment has no embedder
    new LocalEnvironment('bare').fromBatch(['a']).map(Embed);
    // @ts-expect-error a batch function is no map function
    env.fromBatch(['a']).map(Lengths);
    // @ts-expect-error no such method
    env.fromBatch(['a']).map((text, { callService }) => callService('embedder', { method: 'encode' }, text));
    const end = env.fromBatch(['a']).sink(() => {});
    // @ts-expect-error a sink has no successor
    end.map((x: string) => x);
  });
});
