// Property: callService is typed by the registered services, so that a wrong name, method or argument does not compile.
import { describe, expectTypeOf, it } from 'vitest';
import { ServiceManager } from '../../lib/service/index.js';

class Embedder {
  readonly model = 'hash';
  start(): void {}
  async embed(text: string, size?: number): Promise<Float32Array> {
    return new Float32Array(size ?? text.length);
  }
  count(): number {
    return 0;
  }
}

const manager = new ServiceManager()
  .register('embedder', () => new Embedder())
  .register('clock', async ({ callService }) => {
    expectTypeOf(callService('embedder', { method: 'count' })).resolves.toEqualTypeOf<number>();
    return { now: () => Date.now() };
  });

describe('callService', () => {
  it('gives what the method gives, awaited', () => {
    expectTypeOf(manager.callService('embedder', { method: 'embed' }, 'text')).resolves.toEqualTypeOf<Float32Array>();
    expectTypeOf(
      manager.callService('embedder', { method: 'embed', timeout: 5 }, 'text', 8),
    ).resolves.toEqualTypeOf<Float32Array>();
    expectTypeOf(manager.callService('clock', { method: 'now' })).resolves.toEqualTypeOf<number>();
  });

  it('refuses what the services do not have', () => {
    // @ts-expect-error no such service
    manager.callService('embeder', { method: 'embed' }, 'text');
    // @ts-expect-error no such method
    manager.callService('embedder', { method: 'embd' }, 'text');
    // @ts-expect-error a property is no method
    manager.callService('embedder', { method: 'model' });
    // @ts-expect-error lifecycle methods belong to the manager
    manager.callService('embedder', { method: 'start' });
    // @ts-expect-error missing argument
    manager.callService('embedder', { method: 'embed' });
    // @ts-expect-error wrong argument
    manager.callService('embedder', { method: 'embed' }, 7);
    // @ts-expect-error one argument too many
    manager.callService('embedder', { method: 'count' }, 1);
    // @ts-expect-error a method of another service
    manager.callService('clock', { method: 'embed' }, 'text');
    // @ts-expect-error no such service to start
    manager.start('cloc');
    // @ts-expect-error nothing is registered
    new ServiceManager().callService('embedder', { method: 'embed' }, 'text');
  });
});
