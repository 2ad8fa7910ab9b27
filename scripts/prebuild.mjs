// `npm run prebuilds [-- --arch arm64 | --old-glibc]`: makes prebuilds/<platform>-<arch>/ for this machine, for linux-arm64 with Debian's
// cross compiler, or for this machine's processor and every glibc from 2.25 on (scripts/old-glibc-root.sh). (npm would run a script called `prebuild` before every `build`.) prebuildify names, strips and tags the binary; it
// calls this script again in place of node-gyp (first argument `rebuild`), because the addon needs no Node headers.
//
// Slim images have no libgomp, so on Linux the prebuild brings its own copy, renamed and found through RUNPATH $ORIGIN: another
// addon's OpenMP run time in the same process is neither used nor disturbed. Source builds use the system's.
import { copyFileSync, existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { aptInstall, capture, root, run, works } from './process.mjs';

const oldRoot = join(root, 'build-root-bullseye');
const cross = {
  arm64: {
    prefix: 'aarch64-linux-gnu-',
    packages: ['g++-aarch64-linux-gnu'],
    defines: ['-DCMAKE_SYSTEM_NAME=Linux', '-DCMAKE_SYSTEM_PROCESSOR=aarch64'],
  },
};
// One name per libc: the binaries of both lie in one folder.
const libc = existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
const bundledGomp = `libgomp-sagedb-${libc}.so.1`;

function need(command, ...packages) {
  if (works(command, '--version') || (aptInstall(...packages) && works(command, '--version'))) return;
  throw new Error(`${command} is missing (Debian, Ubuntu: sudo apt-get install ${packages.join(' ')})`);
}

function step(command, args) {
  const status = run(command, args);
  if (status !== 0) throw new Error(`${command} failed with exit code ${status}`);
}

function bundleGomp(release, library) {
  need('patchelf', 'patchelf');
  const copy = join(release, bundledGomp);
  const addon = join(release, 'sagedb.node');
  copyFileSync(realpathSync(library), copy);
  step('patchelf', ['--set-soname', bundledGomp, copy]);
  step('patchelf', ['--replace-needed', 'libgomp.so.1', bundledGomp, addon]);
  step('patchelf', ['--set-rpath', '$ORIGIN', addon]);
}

function systemGomp(compiler) {
  return capture(compiler, ['-print-file-name=libgomp.so.1']).stdout.trim();
}

// What prebuildify runs instead of `node-gyp rebuild`.
function rebuild() {
  const arch = process.env.PREBUILD_ARCH ?? process.arch;
  const target = arch === process.arch ? undefined : cross[arch];
  const oldGlibc = process.env.SAGEDB_OLD_GLIBC === '1';
  const compiler = oldGlibc ? join(oldRoot, 'c++') : target ? `${target.prefix}g++` : (process.env.CXX ?? 'c++');
  const release = join(root, 'build', 'Release');
  rmSync(release, { recursive: true, force: true });
  const args = [
    join(root, 'scripts', 'build-addon.mjs'),
    '--out',
    `build-prebuild-${arch}${oldGlibc ? '-old-glibc' : ''}`,
  ];
  if (target) args.push(...target.defines);
  if (target || oldGlibc) args.push(`-DCMAKE_CXX_COMPILER=${compiler}`);
  step(process.execPath, args);
  if (process.platform !== 'linux') return;
  bundleGomp(release, oldGlibc ? join(oldRoot, 'compat', 'libgomp.so') : systemGomp(compiler));
}

async function main() {
  const flag = process.argv.indexOf('--arch');
  const arch = flag > 0 ? process.argv[flag + 1] : process.arch;
  if (arch !== process.arch && !(process.platform === 'linux' && cross[arch])) {
    throw new Error(`no cross build for ${process.platform}-${arch}; run this command on such a machine`);
  }
  if (process.argv.includes('--old-glibc')) {
    step(join(root, 'scripts', 'old-glibc-root.sh'), []);
    process.env.SAGEDB_OLD_GLIBC = '1';
  }
  if (arch !== process.arch) need(`${cross[arch].prefix}g++`, ...cross[arch].packages);
  const out = join(root, 'prebuilds', `${process.platform}-${arch}`);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const prebuildify = createRequire(import.meta.url)('prebuildify');
  await promisify(prebuildify)({
    cwd: root,
    arch,
    napi: true,
    strip: true,
    stripBin: arch === process.arch ? 'strip' : `${cross[arch].prefix}strip`,
    tagLibc: process.platform === 'linux',
    targets: [process.versions.node],
    nodeGyp: `"${process.execPath}" "${fileURLToPath(import.meta.url)}"`,
    shell: true,
  });
  // build/Release now holds the prebuild's companion, and for another architecture nothing that loads here.
  rmSync(join(root, 'build', 'Release'), { recursive: true, force: true });
  console.log(`made ${out}`);
}

try {
  if (process.argv[2] === 'rebuild') rebuild();
  else await main();
} catch (error) {
  console.error(`sagedb: ${error.message}`);
  process.exitCode = 1;
}
