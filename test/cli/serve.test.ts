// Property: `sagedb serve` serves until it is told to stop, keeps its token out of the command line, and ends with exit code 0.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { CLI } from '../support/cli.js';

const token = 'token-of-the-command-line-test';

function serve(...args: string[]) {
  return spawn(process.execPath, [...CLI, 'serve', ...args], { env: { ...process.env, SAGEDB_TOKEN: token } });
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

it('serves a folder, and its contents again the next time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sagedb-serve-'));
  try {
    for (const round of [0, 1, 2]) {
      const child = serve(join(folder, 'db'), '--port', '0', ...(round === 0 ? ['--dimension', '3'] : []));
      const exited = once(child, 'exit');
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const remote = await SageDB.connect(line.toString().trim().split(' ').at(-1)!, { token });
      expect([remote.dimension, await remote.count()]).toEqual([3, round]);
      await remote.add([1, 2, round + 3]);
      await remote.close();
      child.kill('SIGINT');
      expect(await exited).toEqual([0, null]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it.each([[[]], [['--dimension', '3', '--metric', 'manhattan']], [['--dimension', 'three']]])(
  'wrong usage %j ends with exit code 2',
  async (args) => {
    const [code] = await once(serve(...args), 'exit');
    expect(code).toBe(2);
  },
);
