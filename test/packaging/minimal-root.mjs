// Runs the installed package in a minimal Debian 11 root (glibc 2.31, no compiler, no OpenMP run time) that was given nothing but node:
// ESM, CommonJS, a worker thread and the doctor. Needs root and debootstrap; says so and skips where they are missing.
// Run by `npm run test:minimal-root`.
import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root, run, works } from '../../scripts/process.mjs';

const chroot = join(root, 'build-root-bullseye');
const home = join(chroot, 'home', 'app');

function step(command, args, options) {
  const result = capture(command, args, options);
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

function skip(reason) {
  console.log(`SKIPPED: the minimal root test needs ${reason}`);
  process.exit(0);
}

if (process.platform !== 'linux' || process.arch !== 'x64') skip('linux-x64');
if (process.getuid() !== 0) skip('root (chroot)');
if (!works('debootstrap', '--version')) skip('debootstrap (apt-get install debootstrap)');

if (run(process.execPath, [join(root, 'scripts', 'prebuild.mjs'), '--old-glibc']) !== 0) process.exit(1);
rmSync(home, { recursive: true, force: true });
mkdirSync(home, { recursive: true });
const [packed] = JSON.parse(
  step('npm', ['pack', '--json', '--silent', '--pack-destination', home]).replace(/^[^[]*/, ''),
);
cpSync(join(root, 'test', 'packaging', 'consumer'), home, { recursive: true });
writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'app', private: true }));
// Installed outside, where npm is; nothing is compiled.
step('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `./${packed.filename}`], { cwd: home });
copyFileSync(process.execPath, join(chroot, 'usr', 'local', 'bin', 'node'));

const inside = (...args) =>
  step('chroot', [chroot, '/usr/bin/env', '-i', '-C', '/home/app', 'PATH=/usr/local/bin:/usr/bin:/bin', ...args]);
try {
  const present = inside('sh', '-c', 'ls /usr/lib/x86_64-linux-gnu | grep -c gomp || true').trim();
  if (present !== '0') throw new Error('the root has an OpenMP run time, so the test would show nothing');
  for (const program of ['use.mjs', 'use.cjs', 'use-worker.cjs']) process.stdout.write(inside('node', program));
  process.stdout.write(inside('node', 'node_modules/sagedb/dist/cli.js', 'doctor'));
  console.log('ok: the package runs in a minimal root');
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
run(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), '--quiet']);
