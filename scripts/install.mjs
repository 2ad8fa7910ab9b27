// `npm install`: uses the prebuilt addon when one fits this machine and loads, otherwise builds it from source.
//
// Not node-gyp-build's own command: that one builds through node-gyp, which downloads Node's headers first. Its resolver is
// what lib/native.ts loads with, so the two agree on which file is used.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

// Loads in a process of its own: a binary for a newer libc or processor must not take the installer down. PREBUILDS_ONLY makes
// the resolver pass over an earlier build, which may be stale.
function prebuildLoads() {
  const program = `require('node-gyp-build')(${JSON.stringify(root)})`;
  const env = { ...process.env, PREBUILDS_ONLY: '1' };
  return spawnSync(process.execPath, ['-e', program], { cwd: root, env, stdio: 'ignore' }).status === 0;
}

function fromSource() {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build-addon.mjs')], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) return status ?? 1;
  try {
    createRequire(import.meta.url)('node-gyp-build')(root);
    return 0;
  } catch (error) {
    console.error(`sagedb: the addon was built but does not load: ${error.message}`);
    return 1;
  }
}

// A git checkout always builds: there the sources are what counts.
const forced = process.env.npm_config_build_from_source === 'true' || existsSync(join(root, '.git'));
process.exitCode = !forced && prebuildLoads() ? 0 : fromSource();
