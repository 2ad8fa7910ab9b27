import { copyFileSync, existsSync } from 'node:fs';
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

/** The page of `sagedb explore`, for browsers. */
export const explorerPage: Options = {
  entry: { page: 'lib/explore/page/main.ts' },
  outDir: 'dist/explore',
  format: ['esm'],
  platform: 'browser',
  target: 'es2022',
  minify: true,
  tsconfig: 'lib/explore/page/tsconfig.json',
  outExtension: () => ({ js: '.js' }),
  onSuccess: async () => {
    for (const name of ['index.html', 'style.css']) copyFileSync(`lib/explore/page/${name}`, `dist/explore/${name}`);
  },
};

const cli: Options = { ...common, entry: { cli: 'lib/cli/main.ts' }, format: ['esm'], splitting: false };

/** The library and the command line without types: what the tests of the documentation install. */
export const installation: Options[] = [{ ...common, entry: entries, format: ['esm', 'cjs'], splitting: true }, cli];

export default defineConfig([
  {
    ...common,
    entry: Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file))),
    format: ['esm', 'cjs'],
    dts: true,
    // Entries share chunks, so that a class has one identity whichever entry it is imported from.
    splitting: true,
  },
  cli,
  explorerPage,
]);
