// Property: however threads, objects and processes end, nothing crashes, hangs or leaks, and what others hold stays usable.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { beforeAll, expect, type TestContext, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Directly in a folder of the root, as lib/native.ts expects of what it is bundled into.
const script = join(root, '.cache', 'scenarios.mjs');

beforeAll(() =>
  build({
    config: false,
    entry: { scenarios: join(root, 'test', 'lifecycle', 'scenarios.ts') },
    outDir: join(root, '.cache'),
    format: ['esm'],
    outExtension: () => ({ js: '.mjs' }),
    platform: 'node',
    target: 'node20',
    splitting: false,
    silent: true,
  }),
);

type OpenCloseCycles = { grownMiB: number[]; externalMiB: number; threads: number };

// A sanitizer keeps freed memory aside, 256 MiB unless told otherwise; tests of growth would measure that.
const sanitizer = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=1'].filter(Boolean).join(':');

/** Runs a scenario in a process of its own; fails on a crash, an exit code or output that is no JSON. */
function run(name: string): unknown {
  const child = spawnSync(process.execPath, ['--expose-gc', script, name], {
    encoding: 'utf8',
    timeout: 280_000,
    env: { ...process.env, NODE_OPTIONS: '', ASAN_OPTIONS: sanitizer },
  });
  expect({ name, status: child.status, signal: child.signal, stderr: child.stderr }).toMatchObject({
    status: 0,
    signal: null,
  });
  return JSON.parse(child.stdout);
}

test('the owner closes first: attached threads get CLOSED', () => {
  expect(run('ownerClosesFirst')).toEqual(Array(3).fill(['CLOSED', true, 'CLOSED']));
});

test('the creating thread ends first: attached ones carry on, and the last one ends the engine', () => {
  expect(run('creatorExitsFirst')).toEqual({
    enough: true,
    hit: { id: 'mine', score: 0, metadata: { after: true } },
    attach: 'NOT_FOUND',
  });
});

test('ten threads terminated with writes, searches and builds in flight', () => {
  expect(run('tenTerminated')).toEqual({ consistent: true, found: true });
});

test('threads terminated amid lone searches', () => {
  expect(run('loneTerminated')).toBe(3);
});

test('a loop that is kept turning: for a bounded time, until everyone stops it, and no thread is kept alive', () => {
  expect(run('turningLoop')).toEqual({ bounded: [true, false], held: true, stopped: false, worker: 0 });
});

test('threads terminated while databases close', () => {
  expect(run('closingTerminated')).toBe('alive');
});

test('threads share one copy of the data', () => {
  expect(run('workersShare')).toEqual({ scores: [0, 0, 0, 0], size: 800 });
});

test('the addon loaded only in a worker that ends during a build', () => {
  expect(run('workerEndsWhileBuilding')).toBe('alive');
});

test('process.exit() in workers with work in flight', () => {
  expect(run('workerExitsItself')).toEqual([0, 0, 0, 0]);
});

test('process.exit() during a build, again and again', () => {
  for (let i = 0; i < 5; i++) expect(run('exitDuringBuild')).toBe('exiting');
});

test('a process ends though a database is open', () => {
  expect(run('endsWithoutClose')).toBe('ends');
});

test('pending work keeps a process alive', () => {
  expect(run('pendingWorkKeepsAlive')).toBe(true);
});

test('garbage collection in mid search', () => {
  expect(run('gcInMidSearch')).toBe(200);
});

test('the last reference dropped in mid build', () => {
  expect(run('droppedInMidBuild')).toEqual({ leakedThreads: 0 });
});

test('600 open and close cycles leak neither memory nor threads', () => {
  const { grownMiB, externalMiB, threads } = run('openCloseCycles') as OpenCloseCycles;
  // A leak grows in every round; an allocator that takes its time to settle does not. A sanitizer's allocator scatters more.
  expect(Math.min(...grownMiB)).toBeLessThan(process.env.ASAN_OPTIONS === undefined ? 2 : 10);
  expect(externalMiB).toBeLessThan(2);
  expect(threads).toBeLessThanOrEqual(4);
});

if (process.platform !== 'linux') console.warn('SKIPPED: threads of closed databases are counted on Linux');

test.skipIf(process.platform !== 'linux')(
  'closed databases that are held have no threads, and all calls are answered',
  () => {
    const { held, left, answers } = run('closedButHeld') as Record<string, unknown>;
    expect({ held, left }).toEqual({ held: 35, left: 0 });
    const ended = expect.stringMatching(/^(ok|ABORTED)$/);
    expect(answers).toEqual(['ok', ended, 'ok', ended, 'ok', 'ABORTED', 'ABORTED', 'ok']);
  },
);

/** Runs a scenario that may find that the machine sets no limit of threads. */
function runWithLimit(name: string, context: TestContext): unknown {
  const result = run(name);
  if (result !== 'no limit') return result;
  console.warn(`SKIPPED: ${name}: no limit of threads here (Linux with prlimit)`);
  context.skip();
}

test('without threads calls end with OUT_OF_MEMORY, and work again when there are some', (context) => {
  const lack = expect.stringMatching(/^OUT_OF_MEMORY: no thread could be made/);
  expect(runWithLimit('noThreads', context)).toEqual({ without: Array(4).fill(lack), again: Array(4).fill('ok') });
});

test('without threads work for a team is done by the one thread there is', (context) => {
  expect(runWithLimit('teamsWithoutThreads', context)).toEqual({ same: true, size: 5001 });
});

test('without threads databases close all the same, and their folder is free', (context) => {
  expect(runWithLimit('closeWithoutThreads', context)).toEqual({
    without: Array(3).fill('OUT_OF_MEMORY'),
    refused: 'CLOSED',
    closed: ['ok'],
  });
});

test('native memory is reported to V8 and taken back', () => {
  const { filled, closed } = run('externalMemory') as Record<string, number>;
  expect(filled).toBeGreaterThan(12);
  expect(closed).toBeLessThan(2);
});

test.each(['idleInMain', 'idleInWorker', 'idleAfterLone', 'idleAfterMany'])('idle engine threads sleep: %s', (name) => {
  expect(run(name)).toBeLessThan(0.2); // a spinning team would use a whole processor
});
