// One test of the engine built with sanitizers, in a folder of its own: for runs that are longer than those of .ci/run.
import { join } from 'node:path';
import { capture, root, run, works } from './process.mjs';

const SANITIZERS = {
  asan: {
    define: ['-DSAGEDB_SANITIZE=address,undefined'],
    env: {
      ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    },
  },
  // libgomp gives false reports.
  tsan: {
    define: ['-DSAGEDB_SANITIZE=thread', '-DSAGEDB_THREADS_EXECUTOR=ON'],
    env: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' },
  },
};

export const sanitizedDir = (name, test) => join(root, 'build-fault', `${test}-${name}`);
export const sanitizedEnv = (name) => SANITIZERS[name].env;

/** Builds what test/unit/fault/<test>_test.cpp needs. Returns the exit status. */
export function buildSanitized(name, test) {
  const generator = works('ninja', '--version') ? ['-G', 'Ninja'] : [];
  const dir = sanitizedDir(name, test);
  const configured = capture('cmake', [
    ...['-S', root, '-B', dir, ...generator, '-DCMAKE_BUILD_TYPE=Debug', '-DSAGEDB_TESTS=ON'],
    ...['-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1', `-DSAGEDB_TEST_FILES=/fault/${test}_test`, ...SANITIZERS[name].define],
  ]);
  if (configured.status !== 0) {
    console.error(configured.stdout + configured.stderr);
    return configured.status;
  }
  return run('cmake', ['--build', dir, '--parallel', '--target', 'sagedb_unit_tests']);
}
