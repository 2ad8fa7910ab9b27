import { once } from 'node:events';
import { SageDB } from '../../sage-db.js';
import { createServer } from '../../server/server.js';
import type { Metric } from '../../types.js';
import { integerOption, textOption } from '../arguments.js';
import { type Command, type Invocation, UsageError } from '../command.js';
import { METRICS } from '../database.js';

function open(invocation: Invocation): Promise<SageDB> {
  const { options } = invocation;
  const [path] = invocation.positionals;
  const metric = textOption(invocation, 'metric') as Metric | undefined;
  const dimension = integerOption(invocation, 'dimension');
  if (path !== undefined) return SageDB.open({ metric, path, dimension, readOnly: options['read-only'] === true });
  if (dimension === undefined) throw new UsageError('a path or --dimension is needed');
  return SageDB.open({ metric, dimension });
}

export const serve: Command = {
  name: 'serve',
  summary: 'serve a database over HTTP until SIGINT or SIGTERM (needs the packages fastify and @fastify/rate-limit)',
  description: [
    'Without a path the database lives in memory. Clients are `SageDB.connect(url)`, or anything that speaks HTTP: /openapi.json has every route.',
    'The token comes from the environment variable SAGEDB_TOKEN, because every user of the machine can read a command line.',
  ],
  positionals: ['[path]'],
  options: {
    dimension: { kind: 'string', value: 'n', help: 'components per vector (of a new database, or of one in memory)' },
    metric: {
      kind: 'string',
      value: 'name',
      choices: METRICS,
      help: 'l2, cosine (default of a new database) or ip',
    },
    host: { kind: 'string', value: 'address', help: 'address to listen on (default 127.0.0.1; others need a token)' },
    port: { kind: 'string', value: 'n', help: 'port (default 7700)' },
    'read-only': { kind: 'boolean', help: 'refuse every write' },
  },
  examples: [
    ['sagedb serve ./articles', 'a folder, on this machine alone'],
    ['SAGEDB_TOKEN=… sagedb serve ./articles --host 0.0.0.0', 'for other machines'],
  ],
  async run(invocation) {
    const { options, json } = invocation;
    const port = integerOption(invocation, 'port', 0) ?? 7700;
    await using database = await open(invocation);
    await using server = await createServer(database, {
      host: textOption(invocation, 'host'),
      port,
      token: process.env.SAGEDB_TOKEN,
      readOnly: options['read-only'] === true,
    });
    console.log(json ? JSON.stringify({ url: server.url }) : `listening on ${server.url}`);
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    if (!json) console.log('shutting down');
    return 0;
  },
};
