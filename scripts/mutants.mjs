// Plants one bug at a time in a copy of the engine and shows that the tests named beside it fail (test/mutants/mutants.json).
//
//   npm run test:mutants [-- PART-OF-A-NAME | INVARIANT]...
//
// What was found goes to docs/reliability/mutants.json and into docs/reliability.md. A mutant whose text the source no longer has ends the run before it
// begins.
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { capture, root, section } from './process.mjs';

const all = JSON.parse(readFileSync(join(root, 'test/mutants/mutants.json'), 'utf8'));
const wanted = process.argv.slice(2);
const mutants = all.filter(
  (m) => wanted.length === 0 || wanted.some((w) => m.name.includes(w) || String(m.invariant) === w),
);
const copy = join(root, 'build-mutants');
const buildDir = join(copy, 'build');

// Files that are as they were keep their time: one that a mutant of an earlier run changed and restored is built again.
const differs = (from, to) =>
  statSync(from).isDirectory() || !existsSync(to) || !readFileSync(from).equals(readFileSync(to));

function prepare() {
  mkdirSync(copy, { recursive: true });
  for (const part of [
    'cpp',
    'test',
    'bench/native',
    'CMakeLists.txt',
    'package.json',
    'node_modules/node-addon-api/package.json',
  ])
    if (existsSync(join(root, part))) cpSync(join(root, part), join(copy, part), { recursive: true, filter: differs });
  const generator = capture('ninja', ['--version']).status === 0 ? ['-G', 'Ninja'] : [];
  const launcher = capture('ccache', ['--version']).status === 0 ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : [];
  // With the original's data, so that ccache takes its objects.
  const options = ['-DSAGEDB_TESTS=ON', `-DSAGEDB_DATA_ROOT=${root}`];
  return capture('cmake', ['-S', copy, '-B', buildDir, ...options, ...generator, ...launcher]);
}

const build = () =>
  capture('cmake', [
    '--build',
    buildDir,
    '--parallel',
    String(availableParallelism()),
    '--target',
    'sagedb_unit_tests',
  ]);
// A mutant that hangs is found, too, but said to hang: on a machine under load it may have been slow.
const HANGS = 124; // of timeout
const test = (filter) =>
  capture('timeout', ['600', join(buildDir, 'sagedb_unit_tests'), `--gtest_filter=${filter}`, '--gtest_brief=1']);

function requireGood(result, what) {
  if (result.status === 0) return;
  console.error(`${what} failed\n${result.stdout}${result.stderr}`);
  process.exit(1);
}

/** Whether the tests find it: yes, no, hangs. */
function plant(mutant) {
  const path = join(copy, mutant.file);
  const original = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    original.replace(mutant.find, () => mutant.replace),
  );
  try {
    requireGood(build(), `building «${mutant.name}»`);
    const { status } = test(mutant.tests);
    return status === 0 ? 'no' : status === HANGS ? 'hangs' : 'yes';
  } finally {
    writeFileSync(path, original);
  }
}

// A mutant is planted at one place: where its text is gone or twice there, it says nothing any more.
function requireApplicable() {
  let stale = 0;
  for (const mutant of all) {
    const count = readFileSync(join(root, mutant.file), 'utf8').split(mutant.find).length - 1;
    if (count === 1) continue;
    stale++;
    console.error(`${mutant.file} has the text of «${mutant.name}» ${count} times: ${mutant.find}`);
  }
  if (stale > 0 || mutants.length === 0) {
    console.error(`${stale} of ${all.length} mutants do not apply, ${mutants.length} are asked for`);
    process.exit(1);
  }
}

const RESULTS = join(root, 'docs', 'reliability', 'mutants.json');
const PAGE = join(root, 'docs', 'reliability.md');
const [BEGIN, END] = ['<!-- mutants: begin -->', '<!-- mutants: end -->'];

// What is copied now, whatever becomes of the working tree during the run.
const changed = capture('git', ['status', '--porcelain', 'cpp']).stdout !== '';
const source = capture('git', ['rev-parse', '--short=12', 'HEAD:cpp']).stdout.trim() + (changed ? '+' : '');

// By name: on which source (git tree of cpp/) it was planted last, and whether a test failed (or hung).
function record(mutant, found) {
  const old = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : [];
  const known = new Map(old.map((r) => [r.name, r]));
  known.set(mutant.name, { name: mutant.name, invariant: mutant.invariant, source, found });
  const results = all.flatMap((m) => known.get(m.name) ?? []);
  writeFileSync(RESULTS, `[\n${results.map((r) => `  ${JSON.stringify(r)}`).join(',\n')}\n]\n`);
  const lines = ['| invariant | planted bug | found | on source |', '|---|---|---|---|'];
  for (const m of all) {
    const r = known.get(m.name);
    lines.push(
      `| ${m.invariant} | ${m.name} | ${r ? (r.found === 'no' ? '**no**' : r.found) : 'not run'} | ${r?.source ?? ''} |`,
    );
  }
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  writeFileSync(PAGE, `${before}${BEGIN}\n${lines.join('\n')}\n${END}${rest.split(END)[1]}`);
}

requireApplicable();
section('mutants: the unchanged engine');
requireGood(prepare(), 'configuring');
requireGood(build(), 'building');
for (const filter of new Set(mutants.map((m) => m.tests)))
  requireGood(test(filter), `the unchanged engine with ${filter}`);

section('mutants: one bug at a time');
let failed = 0;
for (const mutant of mutants) {
  const found = plant(mutant);
  if (found === 'no') failed++;
  record(mutant, found);
  console.log(
    `${{ no: 'NOT FOUND', hangs: 'hangs    ', yes: 'found    ' }[found]}  invariant ${String(mutant.invariant).padStart(2)}: ${mutant.name}`,
  );
}
console.log(`\n${mutants.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
