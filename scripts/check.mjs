// `npm run check`: format, lint, types and house rules. `npm run format` (--fix) rewrites what can be rewritten.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root, run, section } from './process.mjs';

const fix = process.argv.includes('--fix');
const bin = (name) => join(root, 'node_modules', '.bin', name);

function tracked(...patterns) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns];
  return capture('git', args).stdout.split('\n').filter(Boolean);
}

function clangFormat() {
  const tool = ['clang-format-16', 'clang-format'].find((c) => /version 16\./.test(capture(c, ['--version']).stdout));
  if (!tool) {
    console.error('clang-format 16 is missing (Debian, Ubuntu: sudo apt-get install clang-format-16)');
    return 1;
  }
  return run(tool, [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...tracked('*.h', '*.cpp')]);
}

const lineLimits = [
  { files: ['cpp/**/*.h'], lines: 200 },
  { files: ['cpp/**/*.cpp', 'lib/**/*.ts', 'scripts/**', 'bench/**/*.cpp', 'bench/**/*.ts'], lines: 500 },
  { files: ['test/**/*.cpp', 'test/**/*.ts'], lines: 600 },
];

// A file that outgrows its noun is split by noun.
function sizes() {
  let status = 0;
  for (const { files, lines } of lineLimits) {
    for (const file of tracked(...files.map((f) => `:(glob)${f}`))) {
      const count = readFileSync(join(root, file), 'utf8').split('\n').length - 1;
      if (count > lines) {
        console.error(`${file}: ${count} lines, at most ${lines} wanted`);
        status = 1;
      }
    }
  }
  return status;
}

const checks = {
  'format (C++)': clangFormat,
  'format and lint (TypeScript)': () => run(bin('biome'), ['check', ...(fix ? ['--write'] : []), '--error-on-warnings']),
  'types': () => run(bin('tsc'), ['--noEmit']),
  'file sizes': sizes,
};

const failed = [];
for (const [name, check] of Object.entries(checks)) {
  section(name);
  if (check() === 0) console.log('ok');
  else failed.push(name);
}
if (failed.length > 0) console.error(`\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
