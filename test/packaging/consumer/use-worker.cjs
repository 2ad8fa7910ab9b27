// The addon is loaded in a Worker only, and the Worker ends before the process does.
const { Worker } = require('node:worker_threads');

const worker = new Worker(
  `require('./exercise.cjs')(require('sagedb')).then(() => require('node:worker_threads').parentPort.postMessage('done'))`,
  { eval: true },
);
worker.on('message', () => console.log('worker ok'));
worker.on('error', (error) => {
  throw error;
});
