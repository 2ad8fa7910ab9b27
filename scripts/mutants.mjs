// Plants one bug at a time in a copy of the engine and shows that the tests named beside it fail (test/mutants/mutants.json).
//
//   npm run test:mutants [-- PART-OF-A-NAME | INVARIANT]
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { capture, root, section } from './process.mjs';

const mutants = JSON.parse(readFileSync(join(root, 'test/mutants/mutants.json'), 'utf8')).filter(
  (m) => m.name.includes(process.argv[2] ?? '') || String(m.invariant) === process.argv[2],
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
  return capture('cmake', ['-S', copy, '-B', buildDir, '-DSAGEDB_TESTS=ON', ...generator, ...launcher]);
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
// A mutant that hangs counts as found.
const test = (filter) =>
  capture('timeout', ['600', join(buildDir, 'sagedb_unit_tests'), `--gtest_filter=${filter}`, '--gtest_brief=1']);

function requireGood(result, what) {
  if (result.status === 0) return;
  console.error(`${what} failed\n${result.stdout}${result.stderr}`);
  process.exit(1);
}

function survives(mutant) {
  const path = join(copy, mutant.file);
  const original = readFileSync(path, 'utf8');
  if (original.split(mutant.find).length !== 2) {
    console.error(
      `${mutant.file}: the text to change occurs ${original.split(mutant.find).length - 1} times: ${mutant.find}`,
    );
    return true;
  }
  writeFileSync(
    path,
    original.replace(mutant.find, () => mutant.replace),
  );
  try {
    requireGood(build(), `building «${mutant.name}»`);
    return test(mutant.tests).status === 0;
  } finally {
    writeFileSync(path, original);
  }
}

section('mutants: the unchanged engine');
requireGood(prepare(), 'configuring');
requireGood(build(), 'building');
for (const filter of new Set(mutants.map((m) => m.tests)))
  requireGood(test(filter), `the unchanged engine with ${filter}`);

section('mutants: one bug at a time');
let failed = 0;
for (const mutant of mutants) {
  const alive = survives(mutant);
  if (alive) failed++;
  console.log(
    `${alive ? 'NOT FOUND' : 'found    '}  invariant ${String(mutant.invariant).padStart(2)}: ${mutant.name}`,
  );
}
console.log(`\n${mutants.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
