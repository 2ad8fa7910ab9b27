// `npm run check`: format, lint, types and house rules. `npm run format` (--fix) rewrites what can be rewritten.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root, run, section } from './process.mjs';

const fix = process.argv.includes('--fix');
const bin = (name) => join(root, 'node_modules', '.bin', name);

const folders = ['cpp', 'lib', 'test', 'bench', 'scripts', 'demo', 'examples', 'bin'];
const sources = folders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`))
  .filter((file) => !/(^|\/)(node_modules|results|golden)\//.test(file));

function clangFormat() {
  const tool = ['clang-format-16', 'clang-format'].find((c) => /version 16\./.test(capture(c, ['--version']).stdout));
  if (!tool) {
    console.error('clang-format 16 is missing (Debian, Ubuntu: sudo apt-get install clang-format-16)');
    return 1;
  }
  return run(tool, [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...sources.filter((f) => /\.(h|cpp)$/.test(f))]);
}

const lineLimits = [
  [/^test\/.*\.(cpp|ts)$/, 600],
  [/^cpp\/.*(?<!_impl)\.h$/, 200],
  [/(\.cpp|_impl\.h|\.ts|\.mjs)$/, 500],
];

// A file that outgrows its noun is split by noun.
function sizes() {
  let status = 0;
  for (const file of sources) {
    const limit = lineLimits.find(([pattern]) => pattern.test(file))?.[1];
    if (limit === undefined) continue;
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1;
    if (lines <= limit) continue;
    console.error(`${file}: ${lines} lines, at most ${limit} wanted`);
    status = 1;
  }
  return status;
}

const checks = {
  'format (C++)': clangFormat,
  'format and lint (TypeScript)': () =>
    run(bin('biome'), ['check', ...(fix ? ['--write'] : []), '--error-on-warnings']),
  types: () => run(bin('tsc'), ['--noEmit']),
  'types of the explorer page': () => run(bin('tsc'), ['--noEmit', '--project', 'lib/explore/page']),
  'file sizes': sizes,
  licences: () => run(process.execPath, [join(root, 'scripts', 'licences.mjs')]),
};

const failed = [];
for (const [name, check] of Object.entries(checks)) {
  section(name);
  if (check() === 0) console.log('ok');
  else failed.push(name);
}
if (failed.length > 0) console.error(`\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
