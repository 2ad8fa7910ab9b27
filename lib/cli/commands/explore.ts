import { once } from 'node:events';
import { startExplorer } from '../../explore/explorer.js';
import { integerOption } from '../arguments.js';
import type { Command } from '../command.js';
import { openExisting } from '../database.js';

export const explore: Command = {
  name: 'explore',
  summary: 'look at a database in the browser, until SIGINT or SIGTERM (needs fastify and @fastify/rate-limit)',
  description: [
    'Statistics, a map of a sample, recall and latency measured on this very data, searches and items, on a page that loads nothing from elsewhere.',
    'Listens on 127.0.0.1 alone. The address holds a token made for this run; whoever has it can read the database.',
    'Opens the folder read-only, also beside a process that writes. With --write the page can build the index.',
  ],
  positionals: ['path'],
  options: {
    port: { kind: 'string', value: 'n', help: 'port (default: any free one)' },
    write: { kind: 'boolean', help: 'open for writing: index builds show their progress' },
  },
  examples: [['sagedb explore ./articles', 'then open the address that it prints']],
  async run(invocation) {
    const { options, positionals, json } = invocation;
    const path = positionals[0]!;
    const port = integerOption(invocation, 'port', 0);
    const readOnly = options.write !== true;
    await using database = await openExisting(path, readOnly);
    const { server, url } = await startExplorer(database, { path, port, readOnly });
    console.log(json ? JSON.stringify({ url }) : `open ${url}`);
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    await server.close();
    return 0;
  },
};
