import { once } from 'node:events';
import { SageDB } from '../sage-db.js';
import { createServer } from '../server/server.js';
import type { Metric } from '../types.js';
import { type Command, numberOption, UsageError } from './command.js';

const METRICS: readonly string[] = ['l2', 'cosine', 'ip'] satisfies Metric[];

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export const serve: Command = {
  name: 'serve',
  summary: 'serve a database over HTTP until SIGINT or SIGTERM (needs the packages fastify and @fastify/rate-limit)',
  options: {
    dimension: { kind: 'string', value: 'n', help: 'components per vector' },
    metric: { kind: 'string', value: 'name', help: 'l2, cosine (default) or ip' },
    host: { kind: 'string', value: 'address', help: 'address to listen on (default 127.0.0.1; others need a token)' },
    port: { kind: 'string', value: 'n', help: 'port (default 7700)' },
    'read-only': { kind: 'boolean', help: 'refuse every write' },
  },
  async run(invocation) {
    const { options } = invocation;
    if (options.dimension === undefined) throw new UsageError('--dimension is needed');
    const metric = text(options.metric) ?? 'cosine';
    if (!METRICS.includes(metric))
      throw new UsageError(`--metric: expected one of ${METRICS.join(', ')}, got ${metric}`);
    const dimension = numberOption(invocation, 'dimension', 0);
    await using database = await SageDB.open({ dimension, metric: metric as Metric });
    await using server = await createServer(database, {
      host: text(options.host),
      port: numberOption(invocation, 'port', 7700, 0),
      // From the environment, because every user of the machine can read a command line.
      token: process.env.SAGEDB_TOKEN,
      readOnly: options['read-only'] === true,
    });
    console.log(`listening on ${server.url}`);
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    console.log('shutting down');
    return 0;
  },
};
