// The libFuzzer program (test/fuzz): built by clang with sanitizers in build-fuzz/, run for a while on one of its targets.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture, root, run, works } from './process.mjs';

const buildDir = join(root, 'build-fuzz');
const PROGRAM = 'sagedb_fuzzer';
const FLAGS = '-O1 -g1 -fno-sanitize-recover=undefined';

export function buildFuzzer() {
  const clang = ['clang++-16', 'clang++-14', 'clang++'].find((name) => works(name, '--version'));
  if (!clang) {
    console.error(
      'clang with its run time is missing (Debian, Ubuntu: sudo apt-get install clang-16 libclang-rt-16-dev)',
    );
    return 1;
  }
  const generator = works('ninja', '--version') ? ['-G', 'Ninja'] : [];
  const configured = capture('cmake', [
    ...['-S', root, '-B', buildDir, ...generator],
    ...['-DCMAKE_BUILD_TYPE=Release', `-DCMAKE_CXX_FLAGS_RELEASE=${FLAGS}`, `-DCMAKE_CXX_COMPILER=${clang}`],
    ...['-DSAGEDB_THREADS_EXECUTOR=ON', '-DSAGEDB_FUZZ=ON', '-DSAGEDB_SANITIZE=fuzzer-no-link,address,undefined'],
  ]);
  if (configured.status !== 0) {
    console.error(configured.stdout + configured.stderr);
    return configured.status;
  }
  return run('cmake', ['--build', buildDir, '--parallel', '--target', PROGRAM]);
}

export function copyFuzzer(to) {
  copyFileSync(join(buildDir, PROGRAM), join(to, PROGRAM));
}

// Inputs that reached something new are kept for the next run.
function corpusOf(program, target) {
  const folder = join(buildDir, 'corpus', target);
  if (existsSync(folder)) return folder;
  mkdirSync(folder, { recursive: true });
  const made = capture(program, ['--corpus', folder], { env: { ...process.env, SAGEDB_FUZZ_TARGET: target } });
  if (made.status !== 0) throw new Error(`no corpus for ${target}: ${made.stderr}`);
  return folder;
}

/** Resolves with what was done, or with the output and the name of the input that was found. */
export function fuzz(programs, seconds, seed) {
  const program = join(programs, PROGRAM);
  const targets = capture(program, ['--targets']).stdout.trim().split('\n');
  const target = targets[seed % targets.length];
  const found = mkdtempSync(join(tmpdir(), `sagedb-fuzz-${target}-`));
  const args = [
    corpusOf(program, target),
    `-max_total_time=${seconds}`,
    `-seed=${seed % 2 ** 31}`,
    `-artifact_prefix=${found}/`,
    ...['-print_final_stats=1', '-verbosity=0', '-timeout=120', '-rss_limit_mb=4096', '-malloc_limit_mb=2048'],
  ];
  const env = { ...process.env, SAGEDB_FUZZ_TARGET: target };
  env.ASAN_OPTIONS = `allocator_may_return_null=1:${process.env.ASAN_OPTIONS ?? ''}`;
  return new Promise((resolve) => {
    const child = spawn(program, args, { env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += piece));
    child.on('close', (code) => {
      const stat = (name) => Number(new RegExp(`stat::${name}:\\s*(\\d+)`).exec(output)?.[1] ?? 0);
      const inputs = stat('number_of_executed_units');
      const cpuSeconds = stat('cpu_seconds');
      if (code === 0 && inputs > 0 && cpuSeconds > 0) {
        const family = target.split('-')[0];
        resolve({ counts: { cpuSeconds, inputs, [`${family}Inputs`]: inputs } });
      } else {
        resolve({ output: `target ${target}, input in ${found}\n${output}` });
      }
    });
  });
}
