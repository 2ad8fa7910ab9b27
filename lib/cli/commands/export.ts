import { once } from 'node:events';
import { lineOf } from '../../export.js';
import type { Filter } from '../../filter.js';
import type { SageDB } from '../../sage-db.js';
import type { Metadata } from '../../types.js';
import { objectOption } from '../arguments.js';
import { type Command, UsageError } from '../command.js';
import { openExisting } from '../database.js';
import { Interruption } from '../interruption.js';
import { count, printJson, seconds } from '../output.js';
import { ProgressReport } from '../progress.js';

async function writeLines(database: SageDB, filter: Filter<Metadata> | undefined, signal: AbortSignal): Promise<void> {
  for await (const item of database.iterate(filter, { includeVector: true })) {
    signal.throwIfAborted();
    if (!process.stdout.write(lineOf(item, true))) await once(process.stdout, 'drain');
  }
}

export const exportCommand: Command = {
  name: 'export',
  summary: 'write the items of a database to files that other programs read',
  description: [
    'A target that ends in .jsonl is one file: {"id", "metadata", "vector"} per line; - writes the same lines to standard output. Any other is a new folder: items.jsonl with ids and metadata, vectors.npy with the vectors in the same order, as numpy.load reads them.',
    'The items are those of one moment. Opens the folder of the database read-only, also beside a process that writes.',
  ],
  positionals: ['path', 'target'],
  options: { filter: { kind: 'string', value: 'json', help: 'only items whose metadata match' } },
  examples: [
    [`sagedb export ./articles recent.jsonl --filter '{"year": {"$gte": 2020}}'`, 'a part, with vectors'],
    ['sagedb export ./old - | sagedb import ./new - --metric l2', 'from one database into another'],
  ],
  async run(invocation) {
    const { positionals, json } = invocation;
    const [path, target] = positionals as [string, string];
    if (target === '-' && json) throw new UsageError('--json has no place beside the items on standard output');
    const filter = objectOption(invocation, 'filter') as Filter<Metadata> | undefined;
    const started = performance.now();
    const progress = new ProgressReport('export', { quiet: json });
    await using database = await openExisting(path, true);
    using interruption = new Interruption();
    const { signal } = interruption;
    let exported: number;
    try {
      if (target === '-') {
        await writeLines(database, filter, signal);
        return 0;
      }
      exported = await database.export(target, {
        filter,
        signal,
        onProgress: ({ done, total }) => progress.update(done, total, 'items'),
      });
    } catch (error) {
      if (interruption.exitCode === undefined) throw error;
      return interruption.exitCode;
    } finally {
      progress.end();
    }
    const milliseconds = Math.round(performance.now() - started);
    if (json) printJson({ exported, target, milliseconds });
    else console.log(`${count(exported)} items in ${target} (${seconds(milliseconds)})`);
    return 0;
  },
};
