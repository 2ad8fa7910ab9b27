// `npm test`: everything a newcomer needs. Makes GoogleTest available, builds and runs the engine's unit tests (ctest), brings
// the addon up to date and runs the TypeScript tests (vitest).
//
//   node scripts/test.mjs [cpp|js] [arguments for vitest]
import { join } from 'node:path';
import { root, run, section } from './process.mjs';
import { buildDir, buildUnitTests, jobs } from './unit-tests.mjs';

// Where to leave JUnit reports besides the summaries on the terminal (CI).
const reports = process.env.SAGEDB_TEST_REPORTS;

function testEngine() {
  section('engine: build');
  const built = buildUnitTests();
  if (built !== 0) return built;
  section('engine: ctest');
  const args = [
    '--test-dir',
    buildDir,
    '--output-on-failure',
    '--parallel',
    jobs,
    '--timeout',
    '900',
    '--no-tests=error',
  ];
  if (reports) args.push('--output-junit', join(reports, 'ctest.xml'));
  return run('ctest', args);
}

function testLibrary(args) {
  section('addon: build');
  const built = run(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), '--quiet']);
  if (built !== 0) return built;
  section('library: types');
  const typed = run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit']);
  section('library: vitest');
  const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...args];
  if (reports)
    vitest.push('--reporter=default', '--reporter=junit', `--outputFile.junit=${join(reports, 'vitest.xml')}`);
  return run(process.execPath, vitest) || typed;
}

const [first, ...rest] = process.argv.slice(2);
const only = first === 'cpp' || first === 'js' ? first : undefined;
let status = only === 'js' ? 0 : testEngine();
// Both halves always run, so that one failure does not hide another.
if (only !== 'cpp') status = testLibrary(only ? rest : process.argv.slice(2)) || status;
process.exitCode = status;
