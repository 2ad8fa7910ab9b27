// What it takes to get a vector index into a project: seconds and bytes of `npm install` into an empty folder, whether a compiler ran, the
// first import; for SageDB also from a cold process to the first hit. Writes docs/benchmarks/install.md.
//
//   npm run bench:install [-- --tarball sagedb.tgz]     (needs a registry; packs this project with its prebuilt binary unless given)
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { SageDB } from '../lib/index.js';
import { clusteredVectors } from '../lib/random.js';
import { machineLines } from './report/machine.js';
import { median, table } from './report/table.js';

const run = promisify(execFile);
const { values: given } = parseArgs({ options: { tarball: { type: 'string' } } });
const root = join(import.meta.dirname, '..');
const REPEATS = 3;
const STARTS = 11;
const ROWS = 10_000;
const DIMENSION = 128;

interface Installed {
  name: string;
  version: string;
  seconds: number;
  bytes: number;
  packages: number;
  /** A compiler left its objects behind. */
  compiled: boolean;
  importMilliseconds: number;
}

const work = mkdtempSync(join(tmpdir(), 'sagedb-install-'));

/** Nothing of the calling npm, and no sources of this project as working folder. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/.test(name)),
);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}

function bytesBelow(folder: string): number {
  // Disk blocks, as `du` counts them.
  return filesBelow(folder).reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512,
    0,
  );
}

async function installOnce(specifier: string, allowed: string): Promise<{ folder: string; seconds: number }> {
  const folder = mkdtempSync(join(work, 'project-'));
  const manifest = { name: 'empty', private: true, type: 'module', allowScripts: { [allowed]: true } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const started = performance.now();
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', specifier], {
    cwd: folder,
    env: environment,
  });
  return { folder, seconds: (performance.now() - started) / 1000 };
}

/** Milliseconds of the first `import` in a new process. */
async function importTime(folder: string, name: string): Promise<number> {
  const program = `const t = performance.now(); await import(${JSON.stringify(name)}); console.log(performance.now() - t); process.exit(0)`;
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      env: environment,
    });
    times.push(Number(stdout));
  }
  return median(times);
}

async function install(name: string, specifier = name): Promise<Installed> {
  // The first run fills npm's cache; it is not counted, so that the network is not what is compared.
  let { folder } = await installOnce(specifier, name);
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    rmSync(folder, { recursive: true });
    const next = await installOnce(specifier, name);
    folder = next.folder;
    times.push(next.seconds);
  }
  const modules = join(folder, 'node_modules');
  const installed = join(modules, name);
  const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { version: string };
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as { packages: object };
  return {
    name,
    version,
    seconds: median(times),
    bytes: bytesBelow(modules),
    packages: Object.keys(lock.packages).length - 1,
    compiled: filesBelow(installed).some((file) => /\.(o|obj)$/.test(file)),
    importMilliseconds: await importTime(folder, name),
  };
}

/** This project as it is published for this platform: packed with its prebuilt binary. */
function packed(): string {
  execFileSync(process.execPath, [join(root, 'scripts', 'prebuild.mjs')], { cwd: root, stdio: 'inherit' });
  const output = execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', work], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ filename }] = JSON.parse(output.slice(output.indexOf('['))) as [{ filename: string }];
  return join(work, filename);
}

interface ColdStart {
  require: number;
  open: number;
  search: number;
}

/** From a new process to the first hit of a folder of 10,000 rows: medians. */
async function coldStart(tarball: string): Promise<ColdStart> {
  const path = join(work, 'database');
  await using db = await SageDB.open({ path, dimension: DIMENSION, metric: 'l2', index: { type: 'hnsw' } });
  const vectors = clusteredVectors(ROWS, DIMENSION, 1);
  await db.addBatch(vectors);
  await db.buildIndex();
  await db.close();
  const { folder } = await installOnce(tarball, 'sagedb');
  const program = `
    const t0 = performance.now();
    const { SageDB } = require('sagedb');
    const t1 = performance.now();
    SageDB.open({ path: ${JSON.stringify(path)}, readOnly: true }).then(async (db) => {
      const t2 = performance.now();
      await db.search(new Float32Array(${DIMENSION}).fill(0.1), { k: 10 });
      const t3 = performance.now();
      console.log(JSON.stringify({ require: t1 - t0, open: t2 - t1, search: t3 - t2 }));
      await db.close();
    });`;
  const starts: ColdStart[] = [];
  for (let i = 0; i < STARTS; i++) {
    const { stdout } = await run(process.execPath, ['-e', program], { cwd: folder, env: environment });
    starts.push(JSON.parse(stdout) as ColdStart);
  }
  const of = (part: keyof ColdStart) => median(starts.map((start) => start[part]));
  return { require: of('require'), open: of('open'), search: of('search') };
}

function report(tarball: string, rows: Installed[], failed: string[], cold: ColdStart): string {
  const cells = rows.map((row) => [
    `${row.name} ${row.version}`,
    row.seconds.toFixed(1),
    (row.bytes / 1e6).toFixed(1),
    row.packages,
    row.compiled ? 'yes' : 'no',
    row.importMilliseconds.toFixed(0),
  ]);
  const total = cold.require + cold.open + cold.search;
  return [
    '# Installing, and the first search',
    '',
    ...machineLines('npm run bench:install'),
    '',
    `\`npm install\` into an empty folder with a full npm cache, median of ${REPEATS}; size of \`node_modules\` on disk; packages in the lockfile, those`,
    `for other platforms included; first \`import\` in a new process, median of ${STARTS}.`,
    '',
    table(['package', 'install (s)', 'on disk (MB)', 'packages', 'compiler ran', 'first import (ms)'], cells),
    ...failed.map((line) => `\n${line}`),
    '',
    `SageDB is its packed tarball (${(statSync(tarball).size / 1e6).toFixed(1)} MB) with the prebuilt binary of this platform.`,
    '',
    '## From a new process to the first hit',
    '',
    `A folder of ${ROWS.toLocaleString('en-US')} × ${DIMENSION} rows with its index, opened read-only; medians of ${STARTS} processes, files in the system's cache.`,
    '',
    table(
      ['require (ms)', 'open (ms)', 'first search (ms)', 'together (ms)'],
      [[cold.require, cold.open, cold.search, total].map((value) => value.toFixed(1))],
    ),
    '',
  ].join('\n');
}

const peers = JSON.parse(readFileSync(join(root, 'bench', 'peers', 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};
try {
  const tarball = given.tarball === undefined ? packed() : resolve(given.tarball);
  const rows = [await install('sagedb', tarball)];
  const failed: string[] = [];
  for (const name of ['hnswlib-node', 'usearch', '@lancedb/lancedb', '@zvec/zvec', 'sqlite-vec']) {
    try {
      rows.push(await install(name, `${name}@${peers.dependencies[name]}`));
    } catch (error) {
      failed.push(`${name} could not be installed or imported here: ${(error as Error).message.split('\n')[0]}`);
    }
    console.log(rows.at(-1));
  }
  const page = join(root, 'docs', 'benchmarks', 'install.md');
  mkdirSync(join(root, 'docs', 'benchmarks'), { recursive: true });
  writeFileSync(page, report(tarball, rows, failed, await coldStart(tarball)));
  console.log(readFileSync(page, 'utf8'));
} finally {
  rmSync(work, { recursive: true, force: true });
  // The prebuild took its place.
  if (given.tarball === undefined)
    execFileSync(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), '--quiet'], {
      cwd: root,
      stdio: 'inherit',
    });
}
