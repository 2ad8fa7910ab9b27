// Property: every program and every shell line of the front page, the guides, the references and the examples' pages runs as written, against the built package, prints what the
// page says, and is accepted by the compiler.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'tsup';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installation } from '../../tsup.config.js';
import { type Program, programsOf } from '../support/code-blocks.js';

const root = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);
const folders = ['docs', 'docs/guides', 'examples'];
const inFolders = await Promise.all(
  folders.map(async (at) => (await readdir(join(root, at))).map((n) => `${at}/${n}`)),
);
const pages = ['README.md', ...inFolders.flat().filter((name) => name.endsWith('.md'))].map((name) => ({
  name,
  path: join(root, name),
}));
/** `npm install` in bench/peers brings the packages that people come from; .ci/run has its own. */
const peers = process.env.SAGEDB_PEERS ?? join(root, 'bench', 'peers', 'node_modules');

let work: string;

/** An installed package, made of a fresh bundle, the addon and the packages of this project. */
async function install(): Promise<void> {
  const modules = join(work, 'node_modules');
  const installed = join(modules, 'sagedb');
  await mkdir(installed, { recursive: true });
  for (const options of installation) {
    await build({ ...options, outDir: join(installed, 'dist'), config: false, silent: true });
  }
  // A package of its own: below this project's package.json, `sagedb` would mean the project.
  await writeFile(join(work, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await cp(join(root, 'package.json'), join(installed, 'package.json'));
  for (const folder of ['build', 'prebuilds']) {
    if (existsSync(join(root, folder))) await symlink(join(root, folder), join(installed, folder));
  }
  for (const name of ['node-gyp-build', 'fastify', '@fastify']) {
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  if (!existsSync(peers)) return;
  for (const name of ['hnswlib-node', 'usearch', '@lancedb']) await symlink(join(peers, name), join(modules, name));
}

/** `npx sagedb` and `sagedb` of the shell blocks. */
async function commands(): Promise<string> {
  const folder = join(work, 'bin');
  await mkdir(folder);
  const cli = join(work, 'node_modules', 'sagedb', 'dist', 'cli.js');
  for (const [name, line] of [
    ['sagedb', `exec '${process.execPath}' '${cli}' "$@"`],
    ['npx', 'exec "$@"'],
  ] as const) {
    await writeFile(join(folder, name), `#!/bin/sh\n${line}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
}

const javascript = (code: string) =>
  ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  }).outputText;

async function outcomesOf(page: string, programs: readonly Program[]): Promise<{ printed: string; error?: string }[]> {
  const folder = join(work, page.replaceAll('/', '-'));
  await mkdir(folder);
  const files = programs.map(({ kind }, i) => join(folder, kind === 'sh' ? `${i}.sh` : `${i}.mjs`));
  await Promise.all(programs.map(({ kind, code }, i) => writeFile(files[i]!, kind === 'sh' ? code : javascript(code))));
  const list = join(folder, 'programs.json');
  await writeFile(list, JSON.stringify(files));
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', PATH: `${join(work, 'bin')}:${process.env.PATH}` };
  const runner = join(root, 'test', 'support', 'run-page.mjs');
  const { stdout } = await run(process.execPath, [runner, list], { cwd: folder, env });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  // Inside the repository, where the compiler finds the types of node.
  work = await mkdtemp(join(root, '.cache-docs-'));
  await install();
  await commands();
});

afterAll(() => rm(work, { recursive: true, force: true }));

describe.each(pages)('$name', ({ name, path }) => {
  const all = programsOf(path);
  const isMissing = ({ needs }: Program) => needs !== undefined && !existsSync(join(peers, needs));
  const programs = all.filter((program) => !isMissing(program));

  it.runIf(programs.length > 0)(`${programs.length} programs run and print what the page says`, async () => {
    const outcomes = await outcomesOf(name, programs);
    const told = outcomes.map(({ printed, error }, i) => ({
      line: programs[i]!.line,
      error,
      printed: programs[i]!.output === undefined ? undefined : printed,
    }));
    const wanted = programs.map(({ line, output }) => ({ line, error: undefined, printed: output }));
    expect(told).toEqual(wanted);
  });

  for (const program of all.filter(({ needs }) => needs !== undefined)) {
    it.skipIf(isMissing(program))(
      `line ${program.line} needs ${program.needs}: npm install --prefix bench/peers`,
      () => {
        expect(programs).toContain(program);
      },
    );
  }
});

it('the TypeScript of all pages compiles against the sources', async () => {
  const folder = join(work, 'types');
  await mkdir(folder);
  const files: string[] = [];
  for (const { name, path } of pages) {
    for (const { kind, code, line } of programsOf(path)) {
      if (kind !== 'ts') continue;
      files.push(join(folder, `${name.replaceAll(/[/.]/g, '-')}-${line}.mts`));
      await writeFile(files.at(-1)!, code);
    }
  }
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const entries = ['service', 'pipeline', 'server', 'observability'];
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      noUnusedLocals: false,
      paths: {
        sagedb: [join(root, 'lib/index.ts')],
        ...Object.fromEntries(entries.map((entry) => [`sagedb/${entry}`, [join(root, 'lib', entry, 'index.ts')]])),
      },
    },
    root,
  );
  const found = ts
    .getPreEmitDiagnostics(ts.createProgram(files, options))
    .filter(({ file }) => file?.fileName.startsWith(folder));
  expect(
    found.map(
      ({ file, messageText }) =>
        `${file!.fileName.slice(folder.length + 1)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    ),
  ).toEqual([]);
});
