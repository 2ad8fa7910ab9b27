// Worker thread of packages that use more cores only with a copy of the index per thread.
import { parentPort, workerData } from 'node:worker_threads';
import { findAdapter, type PeerConfig } from './adapter.js';
import { type Queries, searchRate } from './loops.js';

const { name, config, queries } = workerData as { name: string; config: PeerConfig; queries: Queries };
const adapter = await findAdapter(name);
const index = await adapter.open?.(config);
if (!index) throw new Error(`${name}: cannot be opened in a worker thread`);

parentPort?.on('message', async ({ ef, seconds, below }: { ef: number; seconds: number; below?: number }) => {
  index.setEf(ef);
  parentPort?.postMessage(await searchRate(index, queries, 1, seconds, below));
});
parentPort?.postMessage('ready');
