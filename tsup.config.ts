import { existsSync } from 'node:fs';
import { defineConfig } from 'tsup';

const entries = {
  index: 'lib/index.ts',
  service: 'lib/service/index.ts',
  pipeline: 'lib/pipeline/index.ts',
};

export default defineConfig({
  entry: Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file))),
  format: ['esm', 'cjs'],
  dts: true,
  // Entries share chunks, so that a class has one identity whichever entry it is imported from. Every output lies directly
  // in dist/: lib/native.ts finds the package root one folder up, from sources and from the bundle alike.
  splitting: true,
  shims: true,
  clean: true,
  sourcemap: false,
  target: 'node20',
  platform: 'node',
});
