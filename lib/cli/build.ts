import { spawnSync } from 'node:child_process';
import { packageRoot } from '../native.js';
import type { Command } from './command.js';

export const build: Command = {
  name: 'build',
  summary: 'build the addon from source in this installation (needs cmake, make and a C++17 compiler)',
  async run() {
    const script = `${packageRoot}/scripts/build-addon.mjs`;
    return spawnSync(process.execPath, [script], { stdio: 'inherit' }).status ?? 1;
  },
};
