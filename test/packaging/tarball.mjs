// What is in the tarball and in the binary: nothing missing, nothing superfluous, nothing exported, small, and how old a libc will do.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root } from '../../scripts/process.mjs';

const needed = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'binding.gyp',
  'CMakeLists.txt',
  'cpp/sources.json',
  'cpp/binding/exports.map',
  'scripts/build-addon.mjs',
  'scripts/install.mjs',
];
const allowed = [/^dist\//, /^cpp\//, /^prebuilds\//, /^bin\//];
const megabyte = 1024 * 1024;

/** Every file that package.json's exports, main, types and bin point at. */
function entryPoints(node) {
  if (typeof node === 'string') return [node.replace('./', '')];
  return Object.values(node ?? {}).flatMap(entryPoints);
}

export function checkContent(files) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const sources = JSON.parse(readFileSync(join(root, 'cpp/sources.json'), 'utf8'));
  const compiled = [...sources.engine, ...sources.kernels.map((kernel) => kernel.file), ...sources.binding];
  const entries = entryPoints([manifest.exports, manifest.main, manifest.types, manifest.bin]);
  const problems = [];
  for (const file of [...needed, ...compiled, ...entries]) if (!files.includes(file)) problems.push(`missing: ${file}`);
  for (const file of files) {
    if (!needed.includes(file) && !allowed.some((pattern) => pattern.test(file))) problems.push(`superfluous: ${file}`);
  }
  return problems;
}

function newest(versions) {
  const key = (version) => version.split('.').map(Number);
  return versions.sort((a, b) => key(a)[0] - key(b)[0] || key(a)[1] - key(b)[1]).at(-1);
}

/** Problems of one Linux binary of the package, and its libc floor. */
export function checkBinary(file) {
  const problems = [];
  const addon = file.endsWith('.node');
  const size = statSync(file).size;
  if (size > 3 * megabyte) problems.push(`${file}: ${(size / megabyte).toFixed(1)} MB, at most 3 wanted`);
  // What is the same wherever it is built can be checked by building it again.
  if (readFileSync(file).includes(root)) problems.push(`${file}: names the folder that it was built in`);
  const dynamic = capture('readelf', ['-d', file]).stdout;
  const libraries = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]);
  for (const library of libraries) {
    if (!/^(libc|libm|libpthread|libdl|librt|libgomp-sagedb-glibc|ld-linux-[\w-]+)\.so\.\d+$/.test(library)) {
      problems.push(`${file}: needs ${library}, which a minimal system may not have`);
    }
  }
  if (addon) {
    if (!/RUNPATH.*\[\$ORIGIN\]/.test(dynamic)) problems.push(`${file}: no RUNPATH $ORIGIN`);
    if (!/FLAGS_1.*NODELETE/.test(dynamic))
      problems.push(`${file}: may be unmapped under running threads (no -z nodelete)`);
    const symbols = capture('nm', ['-D', '--defined-only', file]).stdout.trim().split('\n');
    const names = symbols.map((line) => line.split(' ').at(-1)).sort();
    const wanted = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
    if (names.join() !== wanted.join()) problems.push(`${file}: exports ${names.join(', ')}`);
  }
  const symbols = capture('readelf', ['-V', '--wide', file]).stdout;
  const floor = newest([...new Set([...symbols.matchAll(/GLIBC_(\d+\.\d+)/g)].map((match) => match[1]))]);
  return { problems, floor, size };
}
