// Every test is run: each unit test file is in the test binary, each vitest file is found by vitest, and whatever else lies in test/
// is used by one of them (or by a script), and every unit test with threads is run by the race detector, too. Also refuses tests that were switched off or singled out in the sources.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { capture, root } from './process.mjs';

const problems = [];
const read = (file) => readFileSync(join(root, file), 'utf8');

function walk(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1));
}

const files = walk('test').filter((f) => /\.(cpp|ts|mts|cts|js|mjs|cjs)$/.test(f));

function checkUnitTests() {
  const listed = capture(join(root, 'build-test', 'sagedb_unit_tests'), ['--gtest_list_tests']);
  if (listed.status !== 0) {
    problems.push('build-test/sagedb_unit_tests cannot list its tests; run `npm run test:cpp` first');
    return;
  }
  const suites = new Set(
    listed.stdout
      .split('\n')
      .filter((l) => /^\S+\.(\s|$)/.test(l))
      .map((l) => l.split('.')[0]),
  );
  const known = (suite) => [...suites].some((s) => s === suite || s.endsWith(`/${suite}`) || s.startsWith(`${suite}/`));
  for (const file of files.filter((f) => f.startsWith('test/unit/') && f.endsWith('.cpp'))) {
    const text = read(file);
    const own = [...text.matchAll(/^TYPED_TEST_P\((\w+)|^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+)/gm)].map(
      (m) => m[1] ?? m[2],
    );
    if (file.endsWith('_test.cpp') && own.length === 0) problems.push(`${file}: holds no test`);
    if (!file.endsWith('_test.cpp') && own.length > 0) problems.push(`${file}: has tests but is not named *_test.cpp`);
    const elsewhere = file.endsWith('_windows_test.cpp') && process.platform !== 'win32';
    if (elsewhere) console.log(`${file}: runs on Windows only`);
    for (const suite of elsewhere ? [] : new Set(own))
      if (!known(suite)) problems.push(`${file}: suite ${suite} is not in the test binary`);
    if (/\bDISABLED_/.test(text)) problems.push(`${file}: a test is switched off (DISABLED_)`);
  }
}

// The race detector builds a part of the tests only.
function checkThreaded() {
  const pattern = /^threaded='(.*)'$/m.exec(read('.ci/run'))?.[1];
  if (pattern === undefined) return problems.push('.ci/run does not say which tests have threads');
  for (const file of files.filter((f) => f.endsWith('_test.cpp') && !f.endsWith('_windows_test.cpp'))) {
    if (/std::thread\b/.test(read(file)) && !new RegExp(pattern).test(file))
      problems.push(`${file}: has threads, but the section tsan of .ci/run does not build it`);
  }
}

function checkVitest() {
  const listed = capture(process.execPath, ['node_modules/vitest/vitest.mjs', 'list', '--filesOnly', '--json']);
  if (listed.status !== 0) {
    problems.push(`vitest cannot list its files: ${listed.stderr}`);
    return;
  }
  const found = new Set(JSON.parse(listed.stdout).map((entry) => entry.file.slice(root.length + 1)));
  // Types tests (*.test-d.ts) are run by the compiler: `npm run check` compiles test/ as a whole.
  for (const file of files.filter((f) => /\.(ts|mts|js|mjs)$/.test(f) && !f.endsWith('.test-d.ts'))) {
    const text = read(file);
    if (/from 'vitest'/.test(text) && /^\s*(test|it|describe)[.(]/m.test(text) && !found.has(file)) {
      problems.push(`${file}: has vitest tests but vitest does not run it`);
    }
    if (/\b(test|it|describe)\.(only|skip|todo)\(/.test(text))
      problems.push(`${file}: a test is skipped or singled out`);
  }
  return found;
}

// Helpers, fixtures and stand-alone programs must be mentioned by name somewhere else.
function checkHelpers(found) {
  const headers = walk('test').filter((f) => f.endsWith('.h'));
  const users = [...files, ...headers, ...walk('scripts'), ...walk('.ci'), 'package.json', 'CMakeLists.txt'];
  const texts = new Map(users.map((f) => [f, read(f)]));
  for (const file of files) {
    if (file.endsWith('_test.cpp') || found.has(file) || file.startsWith('test/types/')) continue;
    const name = basename(file).replace(/\.(cpp|ts|mts|cts|js|mjs|cjs)$/, '');
    // A program's own header says nothing of who uses it.
    const used = [...texts].some(
      ([other, text]) => other !== file && basename(other) !== `${name}.h` && text.includes(name),
    );
    if (!used) problems.push(`${file}: nothing runs or uses it`);
  }
}

checkUnitTests();
checkThreaded();
checkHelpers(checkVitest() ?? new Set());
for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`every test in ${files.length} files is run`);
process.exitCode = problems.length === 0 ? 0 : 1;
