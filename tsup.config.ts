import { existsSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';

const entries = {
  index: 'lib/index.ts',
  service: 'lib/service/index.ts',
  'pool-worker': 'lib/service/pool-worker.ts',
  pipeline: 'lib/pipeline/index.ts',
  server: 'lib/server/index.ts',
  observability: 'lib/observability/index.ts',
};

// Every output lies directly in dist/: lib/native.ts finds the package root one folder up, from sources and from the bundle alike.
const common: Options = { target: 'node20', platform: 'node', shims: true, sourcemap: false };

export default defineConfig([
  {
    ...common,
    entry: Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file))),
    format: ['esm', 'cjs'],
    dts: true,
    // Entries share chunks, so that a class has one identity whichever entry it is imported from.
    splitting: true,
  },
  { ...common, entry: { cli: 'lib/cli/main.ts' }, format: ['esm'], splitting: false },
]);
