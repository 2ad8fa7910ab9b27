// `npm test`: everything a newcomer needs. Makes GoogleTest available, builds and runs the engine's unit tests (ctest), brings
// the addon up to date and runs the TypeScript tests (vitest).
//
//   node scripts/test.mjs [cpp|js] [arguments for vitest]
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { aptInstall, capture, root, run, section, works } from './process.mjs';

const jobs = String(availableParallelism());
// Where to leave JUnit reports besides the summaries on the terminal (CI).
const reports = process.env.SAGEDB_TEST_REPORTS;
const buildDir = join(root, 'build-test');

function configure() {
  const args = ['-S', root, '-B', buildDir, '-DCMAKE_BUILD_TYPE=Release', '-DSAGEDB_TESTS=ON'];
  if (works('ninja', '--version') && !existsSync(join(buildDir, 'Makefile'))) args.push('-G', 'Ninja');
  return capture('cmake', args);
}

function configureWithGoogleTest() {
  let result = configure();
  if (result.status !== 0 && /GTest/.test(result.stderr)) {
    console.log('GoogleTest is missing; installing libgtest-dev');
    if (!aptInstall('libgtest-dev')) {
      console.error(
        'GoogleTest is needed for the unit tests. Install it (Debian, Ubuntu: sudo apt-get install libgtest-dev;',
      );
      console.error(
        'Fedora: gtest-devel; Alpine: gtest-dev; macOS: brew install googletest) and run this command again.',
      );
      return 1;
    }
    result = configure();
  }
  if (result.status !== 0) console.error(result.stdout + result.stderr);
  return result.status;
}

function testEngine() {
  section('engine: build');
  if (!works('cmake', '--version')) {
    console.error('cmake is missing (Debian, Ubuntu: sudo apt-get install cmake g++ make)');
    return 1;
  }
  const built = configureWithGoogleTest() || run('cmake', ['--build', buildDir, '--parallel', jobs]);
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
