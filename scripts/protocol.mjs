// Checks the models of test/protocol with SPIN: each must hold in every reachable state, and each bug planted in it must be found.
//
//   npm run test:protocol [-- PART-OF-A-NAME]...
//
// A search that stops early (memory, depth) is a failure, and so is a bug that ends otherwise than by a violated property.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { aptInstall, root, works } from './process.mjs';

const MODELS = join(root, 'test', 'protocol');
const work = join(root, 'build-ci', 'protocol');
const MEGABYTES = 1500;
const SECONDS = 300;

const checks = JSON.parse(readFileSync(join(MODELS, 'checks.json'), 'utf8'));
const runs = checks.flatMap(({ model, name, options, bugs, partly }) => [
  { model, name, options, partly, bug: null },
  ...bugs.map((bug) => ({ model, name: `${name}: ${bug.name}`, options: [...options, ...(bug.options ?? [])], bug })),
]);
const wanted = process.argv.slice(2);
const chosen = runs.filter((r) => wanted.length === 0 || wanted.some((w) => r.name.includes(w)));

function requireSpin() {
  const there = () => works('spin', '-V') && works('gcc', '--version');
  if (there() || (aptInstall('spin', 'gcc', 'libc6-dev') && there())) return;
  console.log(
    'SKIPPED: spin or gcc is missing and cannot be installed here (Debian, Ubuntu: sudo apt-get install spin gcc)',
  );
  console.log('0 passed, 0 failed');
  process.exit(0);
}

/** Status and output of a command, without keeping others from running. */
const start = (command, args, cwd) =>
  new Promise((resolve) => {
    execFile(command, args, { cwd, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ status: error ? (error.code ?? 1) : 0, stdout, stderr }),
    );
  });

/** What pan says of a model with these definitions. Throws when there is nothing to run. */
async function search({ model, options, bug }, folder) {
  const defines = [...options, ...(bug ? [bug.define] : [])].map((d) => `-D${d}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const steps = [
    ['spin', [...defines, '-a', join(MODELS, `${model}.pml`)]],
    ['gcc', [bug ? '-O0' : '-O1', '-w', '-DSAFETY', '-DCOLLAPSE', `-DMEMLIM=${MEGABYTES}`, '-o', 'pan', 'pan.c']],
  ];
  for (const [command, args] of steps) {
    const { status, stdout, stderr } = await start(command, args, folder);
    if (status !== 0 || /error/i.test(stdout)) throw new Error(`${command} failed\n${stdout}${stderr}`);
  }
  const { stdout } = await start('timeout', [String(SECONDS), './pan', '-m200000', '-w22'], folder);
  return stdout;
}

/** Checks of a property that no state came to: they would prove nothing. */
function unreached(output) {
  return [...output.matchAll(/^\s+\S+\/(\w+\.pml:\d+), state \d+, "(assert.*)"/gm)].map((m) => `${m[1]}: ${m[2]}`);
}

/** What is wrong with the outcome, or nothing. */
function complaint(output, { bug, partly }) {
  const errors = Number(/errors: (\d+)/.exec(output)?.[1] ?? Number.NaN);
  const violated = /assertion violated|invalid end state|acceptance cycle/.test(output);
  if (Number.isNaN(errors)) return 'the search did not end';
  if (bug) return errors > 0 && violated ? undefined : 'the planted bug was not found';
  if (errors > 0) return 'violated';
  if (/Search not completed|max search depth too small|out of memory|MEMLIM/.test(output)) return 'not exhaustive';
  const lines = partly ? [] : unreached(output);
  return lines.length === 0 ? undefined : `never checked:\n${lines.join('\n')}`;
}

requireSpin();
if (chosen.length === 0) {
  console.error(`no check is called ${wanted.join(', ')}`);
  process.exit(1);
}
let failed = 0;

async function check(run) {
  const started = performance.now();
  let output = '';
  let problem;
  try {
    output = await search(run, join(work, run.name.replace(/\W+/g, '-')));
    problem = complaint(output, run);
  } catch (error) {
    problem = error.message;
  }
  if (problem) failed++;
  const states = Number(/(\S+) states, stored/.exec(output)?.[1] ?? 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const outcome = problem ? 'FAILED' : run.bug ? 'found ' : 'holds ';
  console.log(`${outcome} ${run.name} (${states.toLocaleString('en')} states, ${seconds} s)`);
  if (problem) console.error(`${problem}\n${output}`);
}

// Two at once: each may take as much memory as MEGABYTES says.
const queue = [...chosen];
const worker = async () => {
  for (let run = queue.shift(); run; run = queue.shift()) await check(run);
};
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
