import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process per file: a native crash names its file, and no file inherits another's OpenMP team or open databases.
    pool: 'forks',
    maxWorkers: 2,
    // Generous: a loaded machine and sanitizers are slow, and a test that hangs fails all the same.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 120_000,
  },
});
