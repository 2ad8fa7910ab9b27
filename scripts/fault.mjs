// Long tests of reliability as resumable commands: every run adds what it did to docs/reliability/counters.json and writes the table of
// docs/reliability.md anew.
//
//   npm run fault:kill -- --minutes N [--seed S]    a writer process is killed at random moments and named points
//   npm run fault:power -- --minutes N [--seed S]   simulated losses of power
//   npm run fault:model -- --minutes N [--seed S]   random operations against a model, with restarts
//   npm run fault:lives -- --minutes N [--seed S]   lives on a disk that fails now and then, in which callers go on
//   npm run fault:soak -- --minutes N [--seed S]    everything at once, every answer checked
//   npm run fault:asan, fault:tsan -- --minutes N   the same under AddressSanitizer and UBSan, under ThreadSanitizer
//   npm run fault:ext4 -- --minutes N [--seed S]    a real ext4 is cut off under the writer (root, loop devices)
//   npm run fault:fuzz -- --minutes N [--seed S]    libFuzzer on what reads files, with sanitizers (clang 16)
//   node scripts/fault.mjs table                    only the table
//
// The tests are those of the normal run (test/unit/fault), for longer. Seeds are printed; a failed slice leaves its output, seed and, where there is
// one, its folder, and is counted as failed. What runs is a copy of the programs as they were built, so that work on the sources may go on.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildFuzzer, copyFuzzer, fuzz } from './fuzz.mjs';
import { capture, root, section } from './process.mjs';
import { buildSanitized, sanitizedDir, sanitizedEnv } from './sanitized.mjs';
import { buildDir, buildUnitTests } from './unit-tests.mjs';

const SUITES = {
  kill: { filter: 'Fault.Kill*', title: 'kill -9', main: 'cycles', target: 10_000 },
  power: { filter: 'Fault.PowerLoss', title: 'simulated losses of power', main: 'losses', target: 10_000_000 },
  ext4: { filter: 'Fault.Ext4Cut', title: 'ext4 cut off', main: 'cuts', target: 500, workers: 1 },
  model: { filter: 'Fault.Model*', title: 'operations against a model', main: 'operations', target: 1_000_000 },
  lives: { filter: 'Fault.Lives', title: 'lives with failures in which callers go on', main: 'lives', target: 100_000 },
  soak: { filter: 'Fault.Soak', title: 'everything at once, checks', main: 'checks', target: 1_000_000 },
  asan: {
    filter: 'Fault.Soak',
    title: 'the same under AddressSanitizer and UBSan, CPU seconds',
    main: 'cpuSeconds',
    target: 3600,
    sanitizer: 'asan',
  },
  tsan: {
    filter: 'Fault.Soak',
    title: 'the same under ThreadSanitizer, CPU seconds',
    main: 'cpuSeconds',
    target: 3600,
    sanitizer: 'tsan',
  },
  fuzz: { title: 'libFuzzer, CPU seconds', main: 'cpuSeconds', target: 86_400 },
};
const SLICE_SECONDS = 60;
const COUNTERS = join(root, 'docs', 'reliability', 'counters.json');
const PAGE = join(root, 'docs', 'reliability.md');
const [BEGIN, END] = ['<!-- counters: begin -->', '<!-- counters: end -->'];

const git = (...args) => capture('git', args).stdout.trim();
// What was tested is the engine's source, not what else the commit holds.
const testedSource = () =>
  `${git('rev-parse', '--short=12', 'HEAD:cpp')}${git('status', '--porcelain', 'cpp') ? '+' : ''}`;

function readCounters() {
  return existsSync(COUNTERS) ? JSON.parse(readFileSync(COUNTERS, 'utf8')) : { runs: [] };
}

function reportFailure(suite, seed, output, how) {
  const log = join(tmpdir(), `sagedb-fault-${suite}-${seed}.log`);
  writeFileSync(log, output);
  console.error(`${output.slice(-3000)}\n${suite}: seed ${seed} FAILED (${how}); output in ${log}`);
}

/** One process for `seconds`; resolves with its counters, or undefined when it failed. */
async function slice(programs, suite, seconds, seed) {
  if (suite === 'fuzz') {
    const { counts, output } = await fuzz(programs, seconds, Number(seed));
    if (!counts) reportFailure(suite, seed, output, 'a finding');
    return counts;
  }
  return new Promise((resolve) => {
    const env = { ...process.env, SAGEDB_FAULT_SECONDS: String(seconds), SAGEDB_FAULT_SEED: String(seed) };
    if (suite === 'ext4') env.SAGEDB_FAULT_EXT4 = '1';
    if (SUITES[suite].sanitizer) Object.assign(env, sanitizedEnv(SUITES[suite].sanitizer));
    const child = spawn(join(programs, 'sagedb_unit_tests'), [`--gtest_filter=${SUITES[suite].filter}`], { env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += piece));
    child.on('close', (code, signal) => {
      const counters = /^\[ counters \] (\{.*\})$/m.exec(output)?.[1];
      if (code === 0 && counters) return resolve(JSON.parse(counters));
      reportFailure(suite, seed, output, signal ?? code);
      resolve(undefined);
    });
  });
}

/** Several suites may run side by side; each reads, adds and writes within one turn. */
async function locked(work) {
  const lock = join(tmpdir(), 'sagedb-fault-counters.lock');
  for (let attempt = 0; ; attempt++) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST' || attempt === 200) throw error;
      await setTimeout(50);
    }
  }
  try {
    return work();
  } finally {
    rmdirSync(lock);
  }
}

function add(suite, source, seconds, results) {
  const all = readCounters();
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  let entry = all.runs.find((run) => run.suite === suite && run.source === source);
  if (!entry) {
    entry = {
      suite,
      version,
      commit: git('rev-parse', '--short=12', 'HEAD'),
      source,
      seconds: 0,
      failed: 0,
      counts: {},
    };
    all.runs.push(entry);
  }
  entry.seconds += seconds * results.length;
  for (const counts of results) {
    if (!counts) entry.failed++;
    for (const [name, n] of Object.entries(counts ?? {})) entry.counts[name] = (entry.counts[name] ?? 0) + n;
  }
  mkdirSync(join(root, 'docs', 'reliability'), { recursive: true });
  writeFileSync(COUNTERS, `${JSON.stringify(all, undefined, 2)}\n`);
  writeTable(all);
}

const grouped = (n) => n.toLocaleString('en-US');
const mainCount = (suite, { counts }) =>
  suite === 'power' ? (counts.ledgerLosses ?? 0) + (counts.engineLosses ?? 0) : (counts[SUITES[suite].main] ?? 0);

function writeTable(all) {
  const lines = ['| test | done | target | failed | process minutes | details |', '|---|---|---|---|---|---|'];
  for (const [suite, { title, main, target }] of Object.entries(SUITES)) {
    const runs = all.runs.filter((run) => run.suite === suite);
    const sum = (value) => runs.reduce((total, run) => total + value(run), 0);
    const details = {};
    for (const run of runs)
      for (const [name, n] of Object.entries(run.counts)) if (name !== main) details[name] = (details[name] ?? 0) + n;
    const words = Object.entries(details).map(
      ([name, n]) => `${name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)} ${grouped(n)}`,
    );
    lines.push(
      `| ${title} | ${grouped(sum((run) => mainCount(suite, run)))} | ${grouped(target)} | ${sum((run) => run.failed)} | ${Math.round(sum((run) => run.seconds) / 60)} | ${words.join(' · ')} |`,
    );
  }
  lines.push('', 'By source (git tree of `cpp/`; `+`: with uncommitted changes):', '');
  lines.push('| source | first at commit | test | done | failed |', '|---|---|---|---|---|');
  for (const run of all.runs)
    lines.push(
      `| ${run.source} | ${run.commit} | ${run.suite} | ${grouped(mainCount(run.suite, run))} | ${run.failed} |`,
    );
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  writeFileSync(PAGE, `${before}${BEGIN}\n${lines.join('\n')}\n${END}${rest.split(END)[1]}`);
}

function build(suite) {
  if (suite === 'fuzz') return buildFuzzer();
  const { sanitizer } = SUITES[suite];
  return sanitizer ? buildSanitized(sanitizer, 'soak') : buildUnitTests('sagedb_unit_tests');
}

function programsOf(suite) {
  const { sanitizer } = SUITES[suite];
  return sanitizer ? sanitizedDir(sanitizer, 'soak') : buildDir;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' } },
  });
  const [suite] = positionals;
  if (suite === 'table') return writeTable(readCounters());
  const seconds = Number(values.minutes) * 60;
  if (!(suite in SUITES) || !(seconds > 0)) {
    console.error(
      'usage: node scripts/fault.mjs kill|power|ext4|model|soak|asan|tsan|fuzz|table [--minutes N] [--seed S]',
    );
    process.exit(1);
  }
  section(`${suite}: build`);
  if (build(suite) !== 0) process.exit(1);
  const source = testedSource();
  const programs = mkdtempSync(join(tmpdir(), 'sagedb-fault-'));
  if (suite === 'fuzz') copyFuzzer(programs);
  else
    for (const name of ['sagedb_unit_tests', 'sagedb_fault_writer'])
      copyFileSync(join(programsOf(suite), name), join(programs, name));
  process.on('exit', () => rmSync(programs, { recursive: true, force: true }));
  section(`${suite}: ${values.minutes} minutes`);
  // A given seed is one failure to look at again; otherwise one process per processor, each with a seed of its own.
  const workers = values.seed ? 1 : (SUITES[suite].workers ?? availableParallelism());
  for (let left = seconds; left > 0; left -= SLICE_SECONDS) {
    const length = Math.min(SLICE_SECONDS, left);
    const seeds = Array.from({ length: workers }, () => values.seed ?? randomInt(2 ** 47));
    console.log(`seeds ${seeds.join(' ')}, ${length} s`);
    const results = await Promise.all(seeds.map((seed) => slice(programs, suite, length, seed)));
    await locked(() => add(suite, source, length, results));
    for (const counts of results) if (counts) console.log(JSON.stringify(counts));
    if (results.includes(undefined)) process.exit(1);
  }
}

await main();
