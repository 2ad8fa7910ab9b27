// Builds the addon with CMake and leaves exactly one sagedb.node in build/Release, where node-gyp-build looks first.
//
//   node scripts/build-addon.mjs [--out build-cmake] [--dest build/Release] [--debug] [--quiet] [-DNAME=VALUE ...]
//
// cmake-js brings the Node-API headers along (package.json, binary.napi_versions), so nothing is downloaded. CMake works in a
// folder of its own because node-gyp deletes `build`.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);

function parse(argv) {
  const options = { out: 'build-cmake', dest: join('build', 'Release'), config: 'Release', defines: [] };
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i];
    if (arg === '--out') options.out = argv[++i];
    else if (arg === '--dest') options.dest = argv[++i];
    else if (arg === '--debug') options.config = 'Debug';
    else if (arg === '--quiet') options.quiet = true;
    else if (arg.startsWith('-D')) options.defines.push(arg.slice(2));
    else fail(`unknown argument ${arg}`);
  }
  return options;
}

function fail(message) {
  console.error(`sagedb: ${message}`);
  process.exit(1);
}

function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

// A compiler may know the flag and yet have a library that is older than the language.
const probe = '#include <optional>\n#include <shared_mutex>\n#include <string_view>\nstd::optional<std::string_view> f(std::shared_mutex&);\n';

function compilesProbe(compiler) {
  return spawnSync(compiler, ['-std=c++17', '-fsyntax-only', '-x', 'c++', '-'], { input: probe }).status === 0;
}

// Says exactly what is missing instead of letting CMake fail in the middle.
function checkTools() {
  const missing = [];
  if (!works('cmake', '--version')) missing.push('cmake (3.20 or newer)');
  if (process.platform !== 'win32') {
    const compilers = process.env.CXX ? [process.env.CXX.split(' ')[0]] : ['c++', 'g++', 'clang++'];
    const present = compilers.filter((c) => works(c, '--version'));
    // The first is the one that CMake takes.
    if (present.length === 0) missing.push('a C++17 compiler (g++ 10 or newer, or clang++ with its library)');
    else if (!compilesProbe(present[0])) {
      missing.push(`a newer C++ compiler than ${present[0]}, which does not know C++17 (g++ 10 or clang 10 or newer; CXX names another one)`);
    }
    if (!works('ninja', '--version') && !works('make', '--version')) missing.push('make (or ninja)');
  }
  if (missing.length === 0) return;
  const hint =
    process.platform === 'darwin'
      ? 'xcode-select --install && brew install cmake'
      : process.platform === 'win32'
        ? 'install CMake and the Visual Studio Build Tools with the C++ workload and its clang-cl'
        : existsSync('/etc/alpine-release')
          ? 'apk add cmake g++ make'
          : existsSync('/etc/debian_version')
            ? 'apt-get install cmake g++ make'
            : 'install them with the package manager of your system';
  fail(`the addon cannot be built here: missing ${missing.join(', ')}.\n        Try: ${hint}`);
}

function cmakeJs() {
  try {
    const manifest = require.resolve('cmake-js/package.json');
    return resolve(dirname(manifest), require(manifest).bin['cmake-js']);
  } catch {
    return fail('cmake-js is not installed; run `npm install` first (optional and production dependencies included)');
  }
}

const options = parse(process.argv.slice(2));
checkTools();
const args = [cmakeJs(), 'build', '--directory', root, '--out', resolve(root, options.out)];
args.push('--parallel', String(availableParallelism()));
if (options.config === 'Debug') args.push('--debug');
// The kernels use clang's attributes and flags.
if (process.platform === 'win32') args.push('--toolset', 'ClangCL');
for (const define of options.defines) args.push(`--CD${define}`);
// Quiet means: say something only when it fails.
const built = spawnSync(process.execPath, args, { cwd: root, stdio: options.quiet ? 'pipe' : 'inherit' });
if (built.status !== 0 && options.quiet) process.stderr.write(Buffer.concat([built.stdout, built.stderr]));
if (built.status !== 0)
  fail(`the build of the addon failed (exit code ${built.status ?? built.signal}); the compiler's message is above`);

const folder = join(resolve(root, options.out), options.config);
const binary = readdirSync(folder).find((name) => name.endsWith('.node'));
if (!binary) fail(`CMake left no .node file in ${folder}`);
const dest = resolve(root, options.dest);
mkdirSync(dest, { recursive: true });
// Copied under another name, then renamed: a process that has the old addon mapped keeps its file.
const temporary = join(dest, `sagedb.${process.pid}.tmp`);
copyFileSync(join(folder, binary), temporary);
renameSync(temporary, join(dest, 'sagedb.node'));
