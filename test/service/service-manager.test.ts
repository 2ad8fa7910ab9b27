import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  type CallContext,
  callInContext,
  ServiceError,
  type ServiceErrorCode,
  ServiceManager,
} from '../../lib/service/index.js';

/** A service whose calls end when the test says so. */
class Gate {
  readonly opened: string[] = [];
  running = 0;
  peak = 0;
  readonly #waiting: (() => void)[] = [];

  async pass(name: string): Promise<string> {
    this.opened.push(name);
    this.peak = Math.max(this.peak, ++this.running);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.running--;
    return `passed ${name}`;
  }

  release(count = 1): void {
    for (const resolve of this.#waiting.splice(0, count)) resolve();
  }
}

async function codeOf(promise: Promise<unknown>): Promise<ServiceErrorCode | 'resolved'> {
  return promise.then(
    () => 'resolved' as const,
    (error: unknown) => {
      if (!(error instanceof ServiceError)) throw error;
      return error.code;
    },
  );
}

const tick = () => sleep(1);

describe('lazy start', () => {
  it('starts a service once, with its first call, however many calls come at the same time', async () => {
    let made = 0;
    let started = 0;
    const manager = new ServiceManager().register('echo', async () => {
      made++;
      await tick();
      return {
        start: async () => {
          await tick();
          started++;
        },
        say: (text: string) => text,
      };
    });
    expect((await manager.health()).services.echo?.state).toBe('registered');
    const calls = Array.from({ length: 8 }, (_, i) => manager.callService('echo', { method: 'say' }, `${i}`));
    expect(await Promise.all(calls)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect([made, started]).toEqual([1, 1]);
    expect((await manager.health()).services.echo?.state).toBe('running');
  });

  it('reports a failed start with its cause to every waiting call and tries again with the next', async () => {
    let attempts = 0;
    const broken = new Error('no disk');
    const manager = new ServiceManager().register('late', () => {
      if (++attempts === 1) throw broken;
      return { ping: () => 'pong' };
    });
    const failed = await Promise.allSettled([
      manager.callService('late', { method: 'ping' }),
      manager.callService('late', { method: 'ping' }),
    ]);
    for (const outcome of failed) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'START_FAILED', cause: broken } });
    }
    expect(await manager.health()).toMatchObject({ status: 'degraded', services: { late: { error: 'no disk' } } });
    expect(await manager.callService('late', { method: 'ping' })).toBe('pong');
    expect(attempts).toBe(2);
  });

  it('start() brings a service up ahead of its first call', async () => {
    let started = false;
    const manager = new ServiceManager().register('a', () => ({
      start: () => {
        started = true;
      },
      f: () => 1,
    }));
    await manager.start('a');
    expect(started).toBe(true);
  });
});

describe('bounded concurrency', () => {
  it('runs ten calls at the same time by default and starts the eleventh when one ends, first come first served', async () => {
    const gate = new Gate();
    const manager = new ServiceManager().register('gate', () => gate);
    const calls = Array.from({ length: 12 }, (_, i) => manager.callService('gate', { method: 'pass' }, `${i}`));
    await tick();
    expect(gate.opened).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(manager.metrics()).toMatchObject({ concurrency: 10, running: 10, queued: 2 });
    expect(manager.pending().map((call) => call.state)).toEqual([
      ...Array<string>(10).fill('running'),
      'queued',
      'queued',
    ]);
    gate.release();
    await tick();
    expect(gate.opened).toHaveLength(11);
    expect(gate.opened[10]).toBe('10');
    gate.release(10);
    await tick();
    gate.release(1);
    expect(await Promise.all(calls)).toHaveLength(12);
    expect(gate.peak).toBe(10);
    expect(manager.metrics()).toMatchObject({ running: 0, queued: 0, peakRunning: 10, calls: 12, failures: 0 });
    expect(manager.pending()).toEqual([]);
  });

  it('keeps the bound and the order over many calls', async () => {
    let running = 0;
    let peak = 0;
    const order: number[] = [];
    const manager = new ServiceManager({ concurrency: 3 }).register('work', () => ({
      async run(i: number) {
        order.push(i);
        peak = Math.max(peak, ++running);
        await new Promise(setImmediate);
        running--;
      },
    }));
    const numbers = Array.from({ length: 5000 }, (_, i) => i);
    await Promise.all(numbers.map((i) => manager.callService('work', { method: 'run' }, i)));
    expect(peak).toBe(3);
    expect(order).toEqual(numbers);
  });

  it('refuses calls beyond maxQueued', async () => {
    const gate = new Gate();
    const manager = new ServiceManager({ concurrency: 1, maxQueued: 1 }).register('gate', () => gate);
    const first = manager.callService('gate', { method: 'pass' }, 'a');
    const second = manager.callService('gate', { method: 'pass' }, 'b');
    expect(await codeOf(manager.callService('gate', { method: 'pass' }, 'c'))).toBe('OVERLOADED');
    await tick();
    gate.release();
    await first;
    await tick();
    gate.release();
    expect(await second).toBe('passed b');
  });

  it('lets services call each other without waiting for slots that their callers hold', async () => {
    const manager = new ServiceManager({ concurrency: 1 })
      .register('inner', () => ({ double: async (x: number) => x * 2 }))
      .register('outer', ({ callService }) => ({
        quadruple: async (x: number) => {
          const twice = await callService('inner', { method: 'double' }, x);
          return callService('inner', { method: 'double' }, twice);
        },
      }));
    const calls = [1, 2, 3].map((x) => manager.callService('outer', { method: 'quadruple' }, x));
    expect(await Promise.all(calls)).toEqual([4, 8, 12]);
  });
});

describe('errors', () => {
  const manager = new ServiceManager().register('math', () => ({
    value: 7,
    half(x: number): number {
      if (x % 2 !== 0) throw new RangeError('odd');
      return x / 2;
    },
  }));
  // Plain JavaScript callers are not held by the types.
  const untyped = manager as unknown as {
    callService(name: string, options: unknown, ...args: unknown[]): Promise<unknown>;
  };

  it('carries what the service threw as the cause', async () => {
    const error = await manager.callService('math', { method: 'half' }, 3).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ code: 'CALL_FAILED', service: 'math', method: 'half', message: 'math.half: odd' });
    expect((error as ServiceError).cause).toBeInstanceOf(RangeError);
    expect((error as ServiceError).requestId).toBeGreaterThan(0);
  });

  it.each(['nothing', 'value', 'constructor', 'toString', '__proto__', 'start', 'hasOwnProperty'])(
    'refuses to call %s',
    async (method) => {
      expect(await codeOf(untyped.callService('math', { method }))).toBe('METHOD_NOT_FOUND');
    },
  );

  it('rejects, and does not throw, on bad calls', async () => {
    expect(await codeOf(untyped.callService('physics', { method: 'half' }))).toBe('SERVICE_NOT_FOUND');
    expect(await codeOf(untyped.callService('math', undefined))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(untyped.callService('math', { method: 'half', timeout: -1 }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(untyped.callService('math', { method: 'half', timeout: Number.NaN }))).toBe('INVALID_ARGUMENT');
    await manager.callService('math', { method: 'half' }, 2);
    expect(manager.metrics().running).toBe(0);
  });

  it('refuses wrong registrations and options', () => {
    expect(() => new ServiceManager({ concurrency: 0 })).toThrow(/concurrency/);
    expect(() => manager.register('math', () => ({}))).toThrow(/registered already/);
    expect(() => new ServiceManager().register('x', 5 as never)).toThrow(/factory/);
  });
});

describe('timeouts and aborts', () => {
  it('times out a running call, tells the service, and keeps its slot until the service is done', async () => {
    const contexts: CallContext[] = [];
    const gate = new Gate();
    const manager = new ServiceManager({ concurrency: 1 }).register('gate', () => ({
      pass: (name: string) => gate.pass(name),
      [callInContext](_method: string, args: readonly unknown[], context: CallContext) {
        contexts.push(context);
        void context.signal;
        return gate.pass(args[0] as string);
      },
    }));
    expect(await codeOf(manager.callService('gate', { method: 'pass', timeout: 5 }, 'slow'))).toBe('TIMEOUT');
    expect(contexts[0]?.signal.aborted).toBe(true);
    expect(manager.pending()).toMatchObject([{ state: 'abandoned', method: 'pass' }]);
    const next = manager.callService('gate', { method: 'pass' }, 'next');
    await tick();
    expect(gate.opened).toEqual(['slow']);
    gate.release();
    await tick();
    expect(gate.opened).toEqual(['slow', 'next']);
    gate.release();
    expect(await next).toBe('passed next');
    expect(manager.metrics().services.gate).toMatchObject({ calls: 2, timeouts: 1 });
  });

  it('counts the time in the queue: a queued call times out and never starts', async () => {
    const gate = new Gate();
    const manager = new ServiceManager({ concurrency: 1, timeout: 10_000 }).register('gate', () => gate);
    const first = manager.callService('gate', { method: 'pass' }, 'first');
    expect(await codeOf(manager.callService('gate', { method: 'pass', timeout: 5 }, 'second'))).toBe('TIMEOUT');
    expect(manager.metrics()).toMatchObject({ queued: 0, running: 1 });
    gate.release();
    await first;
    await tick();
    expect(gate.opened).toEqual(['first']);
  });

  it('aborts a queued call at once and a running one through its context, with the reason as cause', async () => {
    const gate = new Gate();
    const manager = new ServiceManager({ concurrency: 1 }).register('gate', () => gate);
    const running = new AbortController();
    const queued = new AbortController();
    const first = manager.callService('gate', { method: 'pass', signal: running.signal }, 'first');
    const second = manager.callService('gate', { method: 'pass', signal: queued.signal }, 'second');
    await tick();
    queued.abort('not needed');
    await expect(second).rejects.toMatchObject({ code: 'ABORTED', cause: 'not needed' });
    running.abort();
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' });
    const late = manager.callService('gate', { method: 'pass', signal: AbortSignal.abort('before') }, 'third');
    await expect(late).rejects.toMatchObject({ code: 'ABORTED', cause: 'before' });
    gate.release();
    await tick();
    expect(gate.opened).toEqual(['first']);
    expect(manager.metrics()).toMatchObject({ running: 0, queued: 0 });
  });

  it('does not grow when thousands of calls time out behind a stuck service', async () => {
    const gate = new Gate();
    const manager = new ServiceManager({ concurrency: 1, maxQueued: 100 }).register('gate', () => gate);
    const stuck = manager.callService('gate', { method: 'pass' }, 'stuck');
    for (let round = 0; round < 30; round++) {
      const controller = new AbortController();
      const options = { method: 'pass', signal: controller.signal } as const;
      const calls = Array.from({ length: 100 }, () => codeOf(manager.callService('gate', options, 'x')));
      controller.abort();
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['ABORTED']));
    }
    expect(manager.metrics()).toMatchObject({ running: 1, queued: 0 });
    gate.release();
    await stuck;
    expect(gate.opened).toEqual(['stuck']);
  });
});

describe('shutdown', () => {
  it('refuses new calls, drains running and queued ones, then stops the services in reverse order', async () => {
    const gate = new Gate();
    const stopped: string[] = [];
    const manager = new ServiceManager({ concurrency: 1 })
      .register('gate', () => Object.assign(gate, { stop: () => void stopped.push('gate') }))
      .register('other', () => ({ ping: () => 'pong', stop: () => void stopped.push('other') }))
      .register('unused', () => ({ stop: () => void stopped.push('unused') }));
    const calls = [manager.callService('gate', { method: 'pass' }, 'a')];
    await tick();
    const ping = manager.callService('other', { method: 'ping' });
    const done = manager.shutdown();
    expect(manager.shutdown()).toBe(done);
    expect((await manager.health()).status).toBe('stopping');
    expect(await codeOf(manager.callService('gate', { method: 'pass' }, 'b'))).toBe('SHUTTING_DOWN');
    gate.release();
    expect(await Promise.all(calls)).toEqual(['passed a']);
    expect(await ping).toBe('pong');
    await done;
    expect(stopped).toEqual(['other', 'gate']);
    expect((await manager.health()).status).toBe('stopped');
    expect(() => manager.register('late', () => ({}))).toThrow(/shutting down/);
  });

  it('gives up after its timeout: calls fail with SHUTTING_DOWN and services still stop', async () => {
    const gate = new Gate();
    let stopped = false;
    const manager = new ServiceManager({ concurrency: 1 }).register('gate', () =>
      Object.assign(gate, {
        stop: () => {
          stopped = true;
        },
      }),
    );
    const calls = ['a', 'b'].map((name) => codeOf(manager.callService('gate', { method: 'pass' }, name)));
    await tick();
    await manager.shutdown({ timeout: 10 });
    expect(await Promise.all(calls)).toEqual(['SHUTTING_DOWN', 'SHUTTING_DOWN']);
    expect(stopped).toBe(true);
    gate.release();
    await tick();
    expect(gate.opened).toEqual(['a']);
  });

  it('reports services that fail to stop, after stopping the others', async () => {
    let stopped = false;
    const manager = new ServiceManager()
      .register('good', () => ({
        f: () => 1,
        stop: () => {
          stopped = true;
        },
      }))
      .register('bad', () => ({
        f: () => 1,
        stop() {
          throw new Error('stuck');
        },
      }));
    await manager.start('good');
    await manager.start('bad');
    await expect(manager.shutdown()).rejects.toMatchObject({ errors: [{ message: 'stuck' }] });
    expect(stopped).toBe(true);
  });

  it('works with await using', async () => {
    let stopped = false;
    {
      await using manager = new ServiceManager().register('a', () => ({
        f: () => 1,
        stop: () => {
          stopped = true;
        },
      }));
      await manager.callService('a', { method: 'f' });
    }
    expect(stopped).toBe(true);
  });
});
