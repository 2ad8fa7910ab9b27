// `npm run prebuilds [-- --arch arm64]`: makes prebuilds/<platform>-<arch>/ for this machine, or for linux-arm64 with Debian's cross
// compiler. (npm would run a script called `prebuild` before every `build`.) prebuildify names, strips and tags the binary; it
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

function bundleGomp(release, compiler) {
  need('patchelf', 'patchelf');
  const library = capture(compiler, ['-print-file-name=libgomp.so.1']).stdout.trim();
  const copy = join(release, bundledGomp);
  const addon = join(release, 'sagedb.node');
  copyFileSync(realpathSync(library), copy);
  step('patchelf', ['--set-soname', bundledGomp, copy]);
  step('patchelf', ['--replace-needed', 'libgomp.so.1', bundledGomp, addon]);
  step('patchelf', ['--set-rpath', '$ORIGIN', addon]);
}

// What prebuildify runs instead of `node-gyp rebuild`.
function rebuild() {
  const arch = process.env.PREBUILD_ARCH ?? process.arch;
  const target = arch === process.arch ? undefined : cross[arch];
  const compiler = target ? `${target.prefix}g++` : (process.env.CXX ?? 'c++');
  const release = join(root, 'build', 'Release');
  rmSync(release, { recursive: true, force: true });
  const args = [join(root, 'scripts', 'build-addon.mjs'), '--out', `build-prebuild-${arch}`];
  if (target) args.push(...target.defines, `-DCMAKE_CXX_COMPILER=${compiler}`);
  step(process.execPath, args);
  if (process.platform === 'linux') bundleGomp(release, compiler);
}

async function main() {
  const flag = process.argv.indexOf('--arch');
  const arch = flag > 0 ? process.argv[flag + 1] : process.arch;
  if (arch !== process.arch && !(process.platform === 'linux' && cross[arch])) {
    throw new Error(`no cross build for ${process.platform}-${arch}; run this command on such a machine`);
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
