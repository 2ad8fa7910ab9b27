// The Windows parts of the engine, cross-compiled by MinGW-w64, with unit tests under Wine. No replacement for Windows itself: Wine's
// file system is Linux', and releases are compiled by clang-cl. Run by `npm run test:windows [-- <filter>]` (Debian; installs what it needs through
// apt-get and npm where it may, says so and skips elsewhere); minutes of compiling, hence not part of CI.
import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { aptInstall, root, run, section, works } from '../../scripts/process.mjs';

// What Windows does otherwise than Linux, and quick; `-- '*'` runs everything, which takes long.
const QUICK =
  'EnvWindows*:Json*:NumberText*:Crc32c*:BlockArray*:PublishedPtr*:Log.*:Segment.*:Manifest*:*Kernel*:Snapshot*:IdMap*:Durability.GroupCommit';
const jobs = String(availableParallelism());
const work = join(root, 'build-windows');
const wine = '/usr/lib/wine/wine64';
const compiler = 'x86_64-w64-mingw32-g++-posix';
const cross = [
  '-DCMAKE_SYSTEM_NAME=Windows',
  '-DCMAKE_SYSTEM_PROCESSOR=AMD64',
  `-DCMAKE_CXX_COMPILER=${compiler}`,
  '-DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc-posix',
  '-DCMAKE_EXE_LINKER_FLAGS=-static',
  '-DCMAKE_BUILD_TYPE=Release',
  `-DCMAKE_PREFIX_PATH=${join(work, 'prefix')}`,
  `-DCMAKE_CROSSCOMPILING_EMULATOR=${wine}`,
];

function must(command, args, options) {
  const status = run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed with exit code ${status}`);
}

function ready() {
  const missing = [];
  if (!works(compiler, '--version')) missing.push('g++-mingw-w64-x86-64-posix');
  if (!existsSync(wine)) missing.push('wine64');
  if (!existsSync('/usr/src/googletest')) missing.push('libgtest-dev');
  if (missing.length === 0 || aptInstall(...missing)) return true;
  console.log(`SKIPPED: needs ${missing.join(', ')}`);
  return false;
}

function build() {
  section('windows: cross build');
  mkdirSync(work, { recursive: true });
  const googleTest = join(work, 'gtest');
  const prefix = `-DCMAKE_INSTALL_PREFIX=${join(work, 'prefix')}`;
  must('cmake', ['-S', '/usr/src/googletest', '-B', googleTest, ...cross, prefix, '-DBUILD_GMOCK=OFF']);
  must('cmake', ['--build', googleTest, '--parallel', jobs, '--target', 'install']);
  must('cmake', ['-S', root, '-B', join(work, 'engine'), ...cross, '-DSAGEDB_TESTS=ON']);
  must('cmake', ['--build', join(work, 'engine'), '--parallel', jobs, '--target', 'sagedb_unit_tests']);
}

function tests() {
  section('windows: unit tests under Wine');
  const filter = process.argv[2] ?? QUICK;
  must(wine, [join(work, 'engine', 'sagedb_unit_tests.exe'), '--gtest_brief=1', `--gtest_filter=${filter}`]);
}

process.env.WINEPREFIX = join(work, 'wine');
process.env.WINEDEBUG = '-all';
try {
  if (process.platform === 'linux' && process.arch === 'x64' && ready()) {
    build();
    tests();
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
