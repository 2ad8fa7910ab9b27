/** Options for worker threads that run the TypeScript sources. */
export const typescriptThreads = {
  execArgv: ['--import', new URL('./typescript-threads.mjs', import.meta.url).href],
};
