// Property: the command line answers with the documented exit codes (0 done, 1 failed, 2 wrong usage), keeps results on stdout and
// messages on stderr, and its JSON parses.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { optionsOf } from '../../lib/cli/command.js';
import { COMMANDS } from '../../lib/cli/commands.js';
import { CLI, sagedb } from '../support/cli.js';

test('doctor reports this machine and its self-test passes', async () => {
  const { code, stdout, stderr } = await sagedb(['doctor', '--json']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.node).toBe(process.version);
  expect(report.binary).toMatch(/\.node$/);
  expect(report.supportedKernels).toContain(report.kernels);
  expect(report.checks.map((check: { ok: boolean }) => check.ok)).toEqual([true, true, true]);
});

const flags = process.platform === 'linux' && process.arch === 'x64' ? readFileSync('/proc/cpuinfo', 'utf8') : '';

test.skipIf(flags === '')('doctor names the features that the system sees', async () => {
  const { features } = JSON.parse((await sagedb(['doctor', '--json'])).stdout);
  const seen = new Set(/^flags\s*:(.*)$/m.exec(flags)?.[1]?.trim().split(' '));
  const names = { 'sse4.2': 'sse4_2', avx2: 'avx2', avx512f: 'avx512f', avx512vnni: 'avx512_vnni' };
  for (const [feature, flag] of Object.entries(names))
    expect([feature, features.includes(feature)]).toEqual([feature, seen.has(flag)]);
});

test('bench shows recall beside every speed', async () => {
  const { code, stdout } = await sagedb(['bench', '--rows', '2000', '--dimension', '16', '--k', '5', '--json']);
  expect(code).toBe(0);
  const { searches } = JSON.parse(stdout);
  expect(searches).toHaveLength(4);
  for (const { recall, oneByOne, batched } of searches) {
    expect(recall).toBeGreaterThan(0.9);
    expect(oneByOne).toBeGreaterThan(0);
    expect(batched).toBeGreaterThan(0);
  }
});

describe('wrong usage is exit code 2 with a message', () => {
  test.each([
    [['serach'], "unknown command 'serach'; did you mean 'search'?"],
    [['frobnicate'], /unknown command 'frobnicate'\n/],
    [['doctor', '--jsno'], "unknown option '--jsno'; did you mean '--json'?"],
    [['doctor', '--json=yes'], "--json takes no value, got 'yes'"],
    [['doctor', 'now'], "unexpected argument 'now'"],
    [['snapshot', 'from'], 'missing argument <folder>'],
    [['bench', '--rows', '1e3.5'], '--rows must be a whole number of at least 100'],
    [['bench', '--rows', '--json'], '--rows needs a value'],
    [['serve', '--metric', 'cosin'], "--metric: expected one of l2, cosine, ip, got 'cosin'; did you mean 'cosine'?"],
    [['completion', 'powershell'], "expected one of bash, zsh, fish, got 'powershell'"],
    [['search', '.', '--id', '1', '--filter', '[1]'], '--filter must be a JSON object'],
    [['search', '.'], 'one of --vector and --id is needed'],
    [['help', 'serch'], "did you mean 'search'?"],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await sagedb(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    const [name] = args;
    const known = COMMANDS.some((command) => command.name === name);
    if (!args.includes('--json')) expect(stderr).toContain(`Try 'sagedb ${known ? `help ${name}` : '--help'}'.`);
    if (typeof message === 'string') expect(stderr).toContain(message);
    else expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
  });
});

test('with --json an error is one JSON object on stderr', async () => {
  const [usage, missing] = await Promise.all([
    sagedb(['info', '--json']),
    sagedb(['info', '/nonexistent/database', '--json']),
  ]);
  expect([usage.code, JSON.parse(usage.stderr).error]).toEqual([
    2,
    { code: 'USAGE', message: 'missing argument <path>' },
  ]);
  expect([missing.code, JSON.parse(missing.stderr).error.code]).toEqual([1, 'NOT_FOUND']);
});

test.runIf(existsSync('/dev/full'))('standard output that cannot be written is an error with a message', () => {
  const full = openSync('/dev/full', 'w');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [...CLI, ...args], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
  const [plain, json] = [run('help'), run('doctor', '--json')];
  closeSync(full);
  expect([plain.status, plain.stderr]).toEqual([
    1,
    expect.stringMatching(/^sagedb: standard output: .*\(DISK_FULL\)\n$/),
  ]);
  expect([json.status, JSON.parse(json.stderr).error.code]).toEqual([1, 'DISK_FULL']);
});

test('help has a manual page for every command, with every option', async () => {
  const [overview, topic] = await Promise.all([sagedb(['--help']), sagedb(['help', 'search'])]);
  expect([overview.code, topic.code]).toEqual([0, 0]);
  const lines = overview.stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
  for (const { name, summary } of COMMANDS) expect(lines).toContainEqual([name, summary]);
  for (const name of Object.keys(optionsOf(COMMANDS.find((command) => command.name === 'search')!))) {
    expect(topic.stdout).toContain(`--${name}`);
  }
  expect(topic.stdout).toContain('sagedb search <path> [options]');
  expect(topic.stdout).toContain('EXIT CODES');
});

test('the version is that of the package', async () => {
  const { version } = await import('../../package.json', { with: { type: 'json' } }).then((module) => module.default);
  expect((await sagedb(['--version'])).stdout.trim()).toBe(version);
});

describe('completion', () => {
  /** What bash offers for a command line that is being typed. */
  async function completed(...words: string[]): Promise<string[]> {
    const { stdout } = await sagedb(['completion', 'bash']);
    const line = words.map((word) => `'${word}'`).join(' ');
    const program = `${stdout}\nCOMP_WORDS=(sagedb ${line}); COMP_CWORD=${words.length}; _sagedb; echo "\${COMPREPLY[*]}"`;
    return execFileSync('bash', ['-c', program], { encoding: 'utf8' }).trim().split(' ').filter(Boolean);
  }

  test('bash: commands, options, choices, and file names where they belong', async () => {
    expect(await completed('se')).toEqual(['search', 'serve']);
    expect(await completed('search', './db', '--f')).toEqual(['--filter']);
    expect(await completed('serve', '--metric', 'c')).toEqual(['cosine']);
    expect(await completed('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await completed('info', '')).toEqual([]);
  });

  test('zsh and fish: every command and option is in the script', async () => {
    const [zsh, fish] = await Promise.all([sagedb(['completion', 'zsh']), sagedb(['completion', 'fish'])]);
    for (const command of COMMANDS) {
      for (const name of Object.keys(optionsOf(command))) {
        expect(zsh.stdout).toContain(`--${name}[`);
        expect(fish.stdout).toContain(`__fish_seen_subcommand_from ${command.name}' -l ${name} `);
      }
    }
  });
});
