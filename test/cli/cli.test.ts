// Property: the command line answers with the documented exit codes (0 done, 1 failed, 2 wrong usage), keeps results on stdout and
// messages on stderr, and its JSON parses.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

function sagedb(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = ['--import', 'tsx', join(root, 'lib', 'cli', 'main.ts'), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, program, { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

test('doctor reports this machine and its self-test passes', async () => {
  const { code, stdout, stderr } = await sagedb('doctor', '--json');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.node).toBe(process.version);
  expect(report.binary).toMatch(/\.node$/);
  expect(report.supportedKernels).toContain(report.kernels);
  expect(report.checks.map((check: { ok: boolean }) => check.ok)).toEqual([true, true, true]);
});

test('bench shows recall beside every speed', async () => {
  const { code, stdout } = await sagedb('bench', '--rows', '2000', '--dimension', '16', '--k', '5', '--json');
  expect(code).toBe(0);
  const { searches } = JSON.parse(stdout);
  expect(searches).toHaveLength(4);
  for (const { recall, oneByOne, batched } of searches) {
    expect(recall).toBeGreaterThan(0.9);
    expect(oneByOne).toBeGreaterThan(0);
    expect(batched).toBeGreaterThan(0);
  }
});

test.each([
  [['serach'], "unknown command 'serach'"],
  [['doctor', '--jsno'], "Unknown option '--jsno'"],
  [['doctor', 'now'], "unexpected argument 'now'"],
  [['bench', '--rows', '1e3.5'], '--rows must be a whole number of at least 100'],
])('wrong usage %j is exit code 2 with a message', async (args, message) => {
  const { code, stdout, stderr } = await sagedb(...args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(message);
});

test('help goes to stdout', async () => {
  const [overview, topic] = await Promise.all([sagedb('--help'), sagedb('help', 'bench')]);
  expect([overview.code, topic.code]).toEqual([0, 0]);
  for (const name of ['doctor', 'bench', 'build']) expect(overview.stdout).toContain(name);
  expect(topic.stdout).toContain('--rows <n>');
});

test('the version is that of the package', async () => {
  const { version } = await import('../../package.json', { with: { type: 'json' } }).then((module) => module.default);
  expect((await sagedb('--version')).stdout.trim()).toBe(version);
});
