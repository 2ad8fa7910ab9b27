// Property: a close() that the engine has not begun is tried again by the next call; one that has begun is not, however it ends.
import { expect, test } from 'vitest';
import { CallGate } from '../../lib/call-gate.js';
import { Maintenance } from '../../lib/maintenance.js';
import type { NativeDatabase, NativeError } from '../../lib/native.js';

const failure = (code: string): NativeError => Object.assign(new Error('why'), { code });

/** An engine whose close() ends in the given ways: `thrown` ones do not begin. */
function closable(...outcomes: { thrown?: string; reported?: string }[]) {
  let calls = 0;
  const engine = {
    close(done: (error: NativeError | null) => void) {
      const { thrown, reported } = outcomes[calls++] ?? {};
      if (thrown) throw failure(thrown);
      setImmediate(done, reported ? failure(reported) : null);
    },
  };
  const gate = new CallGate({} as never, () => ({}) as never);
  const maintenance = new Maintenance(engine as NativeDatabase, () => gate.requireOpen());
  const close = () => gate.close(() => maintenance.close(), maintenance);
  return { gate, close, calls: () => calls };
}

test('what could not begin begins with the next call, and nothing else is let in meanwhile', async () => {
  const { gate, close, calls } = closable({ thrown: 'OUT_OF_MEMORY' });
  const first = close();
  expect(close()).toBe(first);
  await expect(first).rejects.toMatchObject({ name: 'SageDBError', code: 'OUT_OF_MEMORY' });
  await expect(gate.attempt(async () => 1)).rejects.toMatchObject({ code: 'CLOSED' });
  const second = close();
  expect(second).not.toBe(first);
  await second;
  expect(close()).toBe(second);
  expect(calls()).toBe(2);
});

test('what has begun and failed stays as it is', async () => {
  const { close, calls } = closable({ reported: 'IO_ERROR' });
  const first = close();
  await expect(first).rejects.toMatchObject({ code: 'IO_ERROR' });
  expect(close()).toBe(first);
  expect(calls()).toBe(1);
});
