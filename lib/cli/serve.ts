import { once } from 'node:events';
import { SageDB } from '../sage-db.js';
import { createServer } from '../server/server.js';
import type { Metric } from '../types.js';
import { type Command, type Invocation, numberOption, UsageError } from './command.js';

const METRICS: readonly string[] = ['l2', 'cosine', 'ip'] satisfies Metric[];

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function open(invocation: Invocation): Promise<SageDB> {
  const { options } = invocation;
  const [path] = invocation.positionals;
  const metric = text(options.metric);
  if (metric !== undefined && !METRICS.includes(metric)) {
    throw new UsageError(`--metric: expected one of ${METRICS.join(', ')}, got ${metric}`);
  }
  const dimension = options.dimension === undefined ? undefined : numberOption(invocation, 'dimension', 0);
  const given = { metric: metric as Metric | undefined };
  if (path !== undefined) return SageDB.open({ ...given, path, dimension, readOnly: options['read-only'] === true });
  if (dimension === undefined) throw new UsageError('a path or --dimension is needed');
  return SageDB.open({ ...given, dimension });
}

export const serve: Command = {
  name: 'serve',
  summary: 'serve a database over HTTP until SIGINT or SIGTERM (needs the packages fastify and @fastify/rate-limit)',
  positionals: ['[path]'],
  options: {
    dimension: { kind: 'string', value: 'n', help: 'components per vector (of a new database, or of one in memory)' },
    metric: { kind: 'string', value: 'name', help: 'l2, cosine (default of a new database) or ip' },
    host: { kind: 'string', value: 'address', help: 'address to listen on (default 127.0.0.1; others need a token)' },
    port: { kind: 'string', value: 'n', help: 'port (default 7700)' },
    'read-only': { kind: 'boolean', help: 'refuse every write' },
  },
  async run(invocation) {
    const { options } = invocation;
    await using database = await open(invocation);
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
