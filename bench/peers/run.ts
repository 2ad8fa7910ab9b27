// npm run bench:peers: this project beside the other Node packages. See README.md.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT } from '../data/native-tools.js';
import { findSet, loadSet } from '../data/sets.js';
import { machineLines } from '../report/machine.js';
import { PEERS } from './adapter.js';
import { measureSet } from './measure.js';
import { type SetResult, writeReport } from './report.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const { values } = parseArgs({
  options: {
    sets: { type: 'string' },
    peers: { type: 'string', default: PEERS.join(',') },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    out: { type: 'string', default: path.join(ROOT, 'docs', 'benchmarks') },
    quick: { type: 'boolean', default: false },
  },
});

function install(): void {
  if (existsSync(path.join(HERE, 'node_modules', 'usearch'))) return;
  process.stderr.write('installing the other packages (once)\n');
  // Not `npm ci`: it refuses the lock file where a registry lacks a package's build for another platform. The versions are exact all the same.
  const done = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
    cwd: HERE,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (done.status !== 0) throw new Error('npm install in bench/peers failed');
}

install();
const sets = (values.sets ?? (values.quick ? 'clustered-20kx768' : 'clustered-200kx768,gloss,sift')).split(',');
const plan = {
  k: 10,
  M: 16,
  efConstruction: 200,
  targets: [0.95, 0.99],
  filters: [1, 10, 50],
  rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
  seconds: Number(values.seconds ?? (values.quick ? 0.5 : 2)),
  log: (line: string) => process.stderr.write(`  ${line}\n`),
};
mkdirSync(values.out, { recursive: true });
const shown = process.argv.slice(2).filter((arg, i, all) => arg !== '--out' && all[i - 1] !== '--out');
const command = `npm run bench:peers${shown.length > 0 ? ` -- ${shown.join(' ')}` : ''}`;
const results: SetResult[] = [];
for (const name of sets) {
  const files = findSet(name);
  if (!files) continue;
  plan.log(`data set ${name}`);
  results.push({ files, peers: await measureSet(files, loadSet(files), values.peers.split(','), plan) });
  writeReport(values.out, machineLines(command), results, plan.targets, plan.filters);
}
const figures = results.map(({ files, peers }) => ({
  set: files.name,
  rows: files.rows,
  dimension: files.dimension,
  peers,
}));
writeFileSync(path.join(values.out, 'peers.json'), `${JSON.stringify(figures, null, 1)}\n`);
process.stdout.write(`written: ${path.relative(ROOT, path.join(values.out, 'peers.md'))}\n`);
