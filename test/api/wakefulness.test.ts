// The event loop that stays awake for answers due within microseconds.
// Invariants: it turns until the answer is there; for a bounded time; never where there is one processor; not when answers take long, and again
// when they no longer do.
import { expect, test } from 'vitest';
import { ImmediateTurning, Wakefulness } from '../../lib/wakefulness.js';

/** A clock that moves by 10 µs per turn of the loop. */
function loop(processors: number) {
  const pending: (() => void)[] = [];
  const state = { time: 0, turns: 0 };
  const now = () => state.time;
  const wakefulness = new Wakefulness(processors, now, new ImmediateTurning(now, (run) => pending.push(run)));
  const turn = (count: number) => {
    for (let i = 0; i < count; i++) {
      state.time += 0.01;
      const ready = pending.splice(0);
      state.turns += ready.length;
      for (const run of ready) run();
    }
  };
  const ask = (turnsToAnswer: number) => {
    const before = state.turns;
    wakefulness.begin();
    turn(turnsToAnswer);
    wakefulness.end();
    const during = state.turns - before;
    turn(120);
    return { during, after: state.turns - before - during };
  };
  return { ask };
}

test('the loop turns until the answer is there, and one question after the other does not add up', () => {
  const { ask } = loop(2);
  for (let i = 0; i < 5; i++) expect(ask(3)).toEqual({ during: 3, after: 1 });
});

test('for a bounded time', () => {
  const { ask } = loop(2);
  const { during, after } = ask(1000);
  expect(during).toBeGreaterThan(95);
  expect(during).toBeLessThan(105);
  expect(after).toBe(0);
});

test('not on one processor', () => {
  expect(loop(1).ask(3)).toEqual({ during: 0, after: 0 });
});

test('not when answers take long, and again when they are quick', () => {
  const { ask } = loop(4);
  for (let i = 0; i < 20; i++) ask(200);
  expect(ask(200)).toEqual({ during: 0, after: 0 });
  for (let i = 0; i < 40; i++) ask(3);
  expect(ask(3).during).toBe(3);
});

test('one answer that was held up changes nothing', () => {
  const { ask } = loop(2);
  for (let i = 0; i < 20; i++) ask(10);
  ask(1000);
  expect(ask(10).during).toBe(10);
});
