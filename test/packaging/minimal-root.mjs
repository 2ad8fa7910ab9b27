// Runs the installed package in a minimal Debian root (no compiler, no OpenMP run time) that was given nothing but node: ESM, CommonJS, a
// bundle, a worker thread and the doctor. Needs root and debootstrap; says so and skips where they are missing.
//
//   npm run test:minimal-root              Debian 11, whose C library is the oldest that is supported; compiles for it, which takes minutes
//   npm run test:minimal-root -- --here    the release of this machine and its ordinary prebuild (.ci/run)
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { aptInstall, root, run, works } from '../../scripts/process.mjs';
import { bundle, install, pack, project, runPrograms, step } from './consumer.mjs';

function skip(reason) {
  console.log(`SKIPPED: the minimal root test needs ${reason}`);
  process.exit(0);
}

if (process.platform !== 'linux' || process.arch !== 'x64' || !existsSync('/etc/debian_version')) skip('Debian on x64');
if (process.getuid() !== 0) skip('root (chroot)');
if (!works('debootstrap', '--version') && !aptInstall('debootstrap')) skip('debootstrap');
if (!works('chroot', '/', 'true')) skip('the right to chroot');

const here = process.argv.includes('--here');
const release = here ? /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))[1] : 'bullseye';
const chroot = join(root, `build-root-${release}`);
const home = join(chroot, 'home', 'app');

// scripts/old-glibc-root.sh makes the other one.
if (here && !existsSync(chroot)) {
  rmSync(`${chroot}.tmp`, { recursive: true, force: true });
  step('debootstrap', ['--variant=minbase', release, `${chroot}.tmp`]);
  renameSync(`${chroot}.tmp`, chroot);
}
if (run(process.execPath, [join(root, 'scripts', 'prebuild.mjs'), ...(here ? [] : ['--old-glibc'])]) !== 0)
  process.exit(1);
rmSync(home, { recursive: true, force: true });
project(home);
// Installed outside, where npm is; nothing is compiled.
install(home, `./${pack(home).filename}`, '--ignore-scripts');
bundle(home);
copyFileSync(process.execPath, join(chroot, 'usr', 'local', 'bin', 'node'));

const inside = (...args) =>
  step('chroot', [chroot, '/usr/bin/env', '-i', '-C', '/home/app', 'PATH=/usr/local/bin:/usr/bin:/bin', ...args]);
try {
  const present = inside('sh', '-c', 'ls /usr/lib/x86_64-linux-gnu | grep -c gomp || true').trim();
  if (present !== '0') throw new Error('the root has an OpenMP run time, so the test would show nothing');
  runPrograms((program) => {
    const printed = inside('node', program);
    process.stdout.write(printed);
    return printed;
  });
  process.stdout.write(inside('node', 'node_modules/sagedb/dist/cli.js', 'doctor'));
  console.log('ok: the package runs in a minimal root');
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
run(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), '--quiet']);
