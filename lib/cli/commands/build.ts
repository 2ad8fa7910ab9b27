import { spawnSync } from 'node:child_process';
import { nativePath, packageRoot } from '../../native.js';
import type { Command } from '../command.js';
import { printJson } from '../output.js';

export const build: Command = {
  name: 'build',
  summary: 'build the addon from source in this installation (needs cmake, make and a C++17 compiler)',
  description: [
    'For platforms without a prebuilt binary, and where npm was not allowed to run install scripts. Downloads nothing.',
  ],
  async run({ json }) {
    const script = `${packageRoot}/scripts/build-addon.mjs`;
    // With --json standard output is for the result alone.
    const status = spawnSync(process.execPath, [script], { stdio: ['ignore', json ? 2 : 1, 2] }).status ?? 1;
    if (json) printJson({ ok: status === 0, ...(status === 0 && { binary: nativePath() }) });
    return status === 0 ? 0 : 1;
  },
};
