// Property: `sagedb serve` serves until it is told to stop, keeps its token out of the command line, and ends with exit code 0.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SageDB } from '../../lib/index.js';

const root = join(import.meta.dirname, '..', '..');
const token = 'token-of-the-command-line-test';

function serve(...args: string[]) {
  const program = ['--import', 'tsx', join(root, 'lib', 'cli', 'main.ts'), 'serve', ...args];
  return spawn(process.execPath, program, { cwd: root, env: { ...process.env, SAGEDB_TOKEN: token } });
}

it('serves a database and ends on SIGTERM', async () => {
  const child = serve('--dimension', '3', '--metric', 'l2', '--port', '0');
  const exited = once(child, 'exit');
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    const url = /listening on (\S+)\n/.exec(output)?.[1];
    if (url === undefined || child.killed) continue;
    const remote = await SageDB.connect(url, { token });
    await remote.add([1, 2, 3], { from: 'another process' });
    expect(await remote.search([1, 2, 3])).toEqual([{ id: 1, score: 0, metadata: { from: 'another process' } }]);
    await expect(SageDB.connect(url)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await remote.close();
    child.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
  expect(output).toMatch(/shutting down\n$/);
});

it.each([[[]], [['--dimension', '3', '--metric', 'manhattan']], [['--dimension', 'three']]])(
  'wrong usage %j ends with exit code 2',
  async (args) => {
    const [code] = await once(serve(...args), 'exit');
    expect(code).toBe(2);
  },
);
