// Property: progress is one bar on a terminal, rare lines elsewhere, and nothing when quiet.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ProgressReport } from '../../lib/cli/progress.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function stream(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, written, write: (text: string) => written.push(text) };
}

it('a terminal gets one line that is redrawn and taken away', () => {
  const out = stream(true);
  const progress = new ProgressReport('import', { stream: out });
  for (let done = 0; done <= 1000; done++) {
    progress.update(done, 1000, 'rows');
    vi.advanceTimersByTime(1);
  }
  progress.end();
  expect(out.written.length).toBeLessThanOrEqual(1000 / 80 + 2);
  expect(out.written.every((text) => text.startsWith('\r\x1b[K') && !text.includes('\n'))).toBe(true);
  expect(out.written.at(-2)).toMatch(/import {2}█+░* +9\d% {2}9\d\d of 1,000 rows {2}1 s left/);
  expect(out.written.at(-1)).toBe('\r\x1b[K');
});

it('elsewhere a line every five seconds, none for short work', () => {
  const out = stream(false);
  const progress = new ProgressReport('import', { stream: out });
  for (let second = 0; second < 12; second++) {
    progress.update(second * 100, undefined, 'rows');
    vi.advanceTimersByTime(1000);
  }
  progress.end();
  expect(out.written).toEqual(['import  500 rows  100/s\n', 'import  1,000 rows  100/s\n']);
});

it('quiet writes nothing', () => {
  const out = stream(true);
  const progress = new ProgressReport('import', { stream: out, quiet: true });
  progress.update(1, 2);
  progress.end();
  expect(out.written).toEqual([]);
});
