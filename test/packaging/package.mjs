// Installs the packed tarball into empty projects and runs programs from there: from the prebuilt binary without install scripts, from
// source without Node headers or a prebuild, and on a machine that lacks the tools. Run by `npm run test:package`.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture, root, run } from '../../scripts/process.mjs';
import { bundle, cleanEnv, install, project as makeProject, pack, runPrograms, step } from './consumer.mjs';
import { checkBinary, checkContent } from './tarball.mjs';

const work = mkdtempSync(join(tmpdir(), 'sagedb-package-'));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const linux = process.platform === 'linux';

function must(condition, message) {
  if (!condition) throw new Error(message);
}

function project(name) {
  const folder = join(work, name);
  makeProject(folder);
  return folder;
}

function runAll(folder, env) {
  bundle(folder);
  runPrograms((program) => step(process.execPath, [program], { cwd: folder, env }));
}

let tarball;

const checks = {
  'prebuilt binary': () => {
    step(process.execPath, [join(root, 'scripts', 'prebuild.mjs')]);
  },

  'tarball content and size': () => {
    const packed = pack(work);
    tarball = join(work, packed.filename);
    const problems = checkContent(packed.files.map((file) => file.path));
    if (packed.size > 6 * 1024 * 1024) problems.push(`${packed.size} bytes packed, at most 6 MB wanted`);
    must(problems.length === 0, problems.join('\n'));
    return `${(packed.size / 1024).toFixed(0)} KB packed, ${(packed.unpackedSize / 1024).toFixed(0)} KB unpacked, ${packed.files.length} files`;
  },

  'publint and are-the-types-wrong': () => {
    step(bin('publint'), ['run', '--strict', '--pack', 'false', root]);
    step(bin('attw'), [tarball, '--profile', 'node16', '--format', 'ascii', '--no-color']);
  },

  'binaries: needs, exports, size, libc floor': () => {
    if (!linux) return 'not on this platform';
    const folders = readdirSync(join(root, 'prebuilds'));
    const files = folders.flatMap((folder) =>
      readdirSync(join(root, 'prebuilds', folder)).map((name) => join(root, 'prebuilds', folder, name)),
    );
    const reports = files.map((file) => ({ file, ...checkBinary(file) }));
    const problems = reports.flatMap((report) => report.problems);
    must(problems.length === 0, problems.join('\n'));
    return reports
      .map(({ file, floor, size }) => `${file.slice(root.length + 11)}: ${(size / 1024).toFixed(0)} KB, glibc ${floor}`)
      .join('\n       ');
  },

  'install from the prebuild, without scripts': () => {
    const folder = project('prebuilt');
    install(folder, tarball, '--ignore-scripts');
    runAll(folder, cleanEnv({ PREBUILDS_ONLY: '1' }));
  },

  'types for ESM, CommonJS and bundlers': () => {
    const folder = join(work, 'prebuilt');
    symlinkSync(join(root, 'node_modules', '@types'), join(folder, 'node_modules', '@types'), 'dir');
    for (const mode of [
      ['--module', 'nodenext'],
      ['--module', 'node16'],
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
    ]) {
      const options = [
        '--noEmit',
        '--strict',
        '--target',
        'es2022',
        '--lib',
        'es2022,esnext.disposable',
        '--types',
        'node',
      ];
      step(bin('tsc'), [...options, ...mode, 'use.ts'], { cwd: folder });
    }
  },

  'install from source': () => {
    const folder = project('source');
    // A compiler cache, if there is one, knows these sources from another folder.
    const env = cleanEnv({ npm_config_build_from_source: 'true', CCACHE_BASEDIR: folder });
    step('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: folder, env });
    const installed = join(folder, 'node_modules', 'sagedb');
    rmSync(join(installed, 'prebuilds'), { recursive: true, force: true });
    must(readdirSync(join(installed, 'build', 'Release')).includes('sagedb.node'), 'no build/Release/sagedb.node');
    runAll(folder, cleanEnv());
  },

  'a machine without build tools is told what is missing': () => {
    const folder = project('toolless');
    install(folder, tarball, '--ignore-scripts');
    const installed = join(folder, 'node_modules', 'sagedb');
    rmSync(join(installed, 'prebuilds'), { recursive: true, force: true });
    const empty = join(work, 'empty-path');
    mkdirSync(empty);
    const built = capture(process.execPath, [join(installed, 'scripts', 'install.mjs')], {
      cwd: installed,
      env: { PATH: empty },
    });
    must(built.status !== 0 && /missing cmake.*compiler/.test(built.stderr), `unexpected: ${built.stderr}`);
    const used = capture(process.execPath, ['use.cjs'], { cwd: folder, env: cleanEnv() });
    must(used.status !== 0 && /UNAVAILABLE/.test(used.stderr), `unexpected: ${used.stderr}`);
  },
};

let failures = 0;
for (const [name, check] of Object.entries(checks)) {
  const started = Date.now();
  try {
    const note = check();
    console.log(`ok   ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)${note ? `\n       ${note}` : ''}`);
  } catch (error) {
    failures++;
    console.error(`FAIL ${name}\n${error.message}`);
  }
}
rmSync(work, { recursive: true, force: true });
// The checks above removed build/Release (see scripts/prebuild.mjs).
run(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), '--quiet']);
process.exitCode = failures === 0 ? 0 : 1;
