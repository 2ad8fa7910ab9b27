// A project that uses the packed package, for the tests of this folder.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root } from '../../scripts/process.mjs';

/** Runs a command to its end; an error shows what it printed. */
export function step(command, args, options) {
  const result = capture(command, args, options);
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** npm gives its scripts settings of the calling project; another project must not see them. */
export function cleanEnv(extra) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/.test(name));
  return { ...Object.fromEntries(inherited), ...extra };
}

/** What `npm pack` says about the tarball that it leaves in `folder`. */
export function pack(folder) {
  const output = step('npm', ['pack', '--json', '--silent', '--pack-destination', folder]);
  return JSON.parse(output.replace(/^[^[]*/, ''))[0];
}

/** A folder with the programs of `consumer/`. */
export function project(folder) {
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'test', 'packaging', 'consumer'), folder, { recursive: true });
  const manifest = { name: 'consumer', private: true, version: '1.0.0', allowScripts: { sagedb: true } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
}

export function install(folder, specifier, ...flags) {
  step('npm', ['install', ...flags, '--no-audit', '--no-fund', specifier], { cwd: folder, env: cleanEnv() });
}

/** Bundles the CommonJS program as applications do: everything in one file but this package, which has an addon beside it. */
export function bundle(folder) {
  const esbuild = join(root, 'node_modules', '.bin', 'esbuild');
  const options = ['--bundle', '--platform=node', '--format=cjs', '--external:sagedb', '--outfile=use-bundled.cjs'];
  step(esbuild, ['use.cjs', ...options], { cwd: folder });
}

/** Each program, and what it prints when all went well. */
export const PROGRAMS = [
  ['use.mjs', 'esm ok'],
  ['use.cjs', 'cjs ok'],
  ['use-bundled.cjs', 'cjs ok'],
  ['use-worker.cjs', 'worker ok'],
];

/** Runs every program; `execute` gives what one prints. */
export function runPrograms(execute) {
  for (const [program, line] of PROGRAMS) {
    const printed = execute(program);
    if (!printed.includes(line)) throw new Error(`${program} printed ${printed}`);
  }
}
