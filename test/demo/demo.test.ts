// Property: the demo indexes what it says, finds near-exact neighbors, answers, and ends by itself when stdin is closed.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function demo(...args: string[]) {
  return spawnSync(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 280_000,
  });
}

describe('npm run demo', () => {
  it('indexes, measures, answers and ends', () => {
    const done = demo('--rows', '3000', '--query', 'event loop delay');
    expect(done.stderr).toBe('');
    expect(done.status).toBe(0);
    expect(done.stdout).toMatch(/rows +3,000 /);
    const recall = (name: string) => Number(new RegExp(`recall@10, ${name} +([0-9.]+)`).exec(done.stdout)?.[1]);
    expect(recall('default')).toBeGreaterThan(0.9);
    expect(recall('ef: 600')).toBeGreaterThan(0.99);
    expect(done.stdout).toMatch(/› event loop delay[\s\S]+ 1\. 0\.\d+ .*:\d+/);
    expect(done.stdout).not.toContain('\u001b[');
  });

  it.each([
    [['--rows', 'many'], /--rows: expected a positive integer, got many/],
    [['--root', 'no/such/folder'], /does not exist/],
    [['--unknown'], /--unknown[\s\S]*Usage/],
  ])('%j: explains and exits with 2', (args, message) => {
    const done = demo(...args);
    expect(done.stderr).toMatch(message);
    expect(done.status).toBe(2);
  });
});
