// The engine's unit tests as a program: configured and built in build-test/.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { aptInstall, capture, root, run, works } from './process.mjs';

export const buildDir = join(root, 'build-test');
export const jobs = String(availableParallelism());

function configure() {
  const args = ['-S', root, '-B', buildDir, '-DCMAKE_BUILD_TYPE=Release', '-DSAGEDB_TESTS=ON'];
  // Half the time to compile; what takes long in the tests is the engine.
  args.push('-DSAGEDB_TEST_OPTIONS=-O1');
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

/** Makes GoogleTest available and builds what `target` names, everything by default. Returns the exit status. */
export function buildUnitTests(target) {
  if (!works('cmake', '--version')) {
    console.error('cmake is missing (Debian, Ubuntu: sudo apt-get install cmake g++ make)');
    return 1;
  }
  const only = target ? ['--target', target] : [];
  return configureWithGoogleTest() || run('cmake', ['--build', buildDir, '--parallel', jobs, ...only]);
}
