import { SageDBError } from '../../errors.js';
import { PlacedItems } from '../../import.js';
import { SageDB } from '../../sage-db.js';
import type { ImportItem, Metric } from '../../types.js';
import { integerOption, textOption } from '../arguments.js';
import type { Command } from '../command.js';
import { METRICS } from '../database.js';
import { FORMATS, formatOf, type ImportFormat, importSource } from '../import-source.js';
import { NewDatabase } from '../new-database.js';
import { count, printJson, seconds } from '../output.js';
import { ProgressReport } from '../progress.js';

async function* counted(items: AsyncIterable<ImportItem>, progress: ProgressReport): AsyncGenerator<ImportItem> {
  let done = 0;
  for await (const item of items) {
    progress.update(++done, undefined, 'items');
    yield item;
  }
}

export const importCommand: Command = {
  name: 'import',
  summary: 'add the items of a file to a database, which is made when it does not exist',
  description: [
    'jsonl: one {"id", "vector", "metadata"} per line; id and metadata may be missing. npy, fvecs: vectors alone. csv: the first line names the columns; id, vector (numbers between spaces or commas) and the rest as metadata. folder: what `sagedb export` writes. - reads jsonl from standard input.',
    'Batches are written whole or not at all. A bad item ends the import with its place in the file; the batches before stay, and a new database without any is removed again.',
    'A new database gets the dimension of the first item. Its index is built before the command ends.',
  ],
  positionals: ['path', 'file'],
  options: {
    format: { kind: 'string', value: 'name', choices: FORMATS, help: 'default: by the extension' },
    metric: { kind: 'string', value: 'name', choices: METRICS, help: 'of a new database: l2, cosine (default) or ip' },
    replace: { kind: 'boolean', help: 'replace items whose id exists (otherwise they are an error)' },
    batch: { kind: 'string', value: 'n', help: 'items per batch (default 1000)' },
    'id-column': { kind: 'string', value: 'name', help: 'csv: column of the ids (default id)' },
    'vector-column': { kind: 'string', value: 'name', help: 'csv: column of the vectors (default vector)' },
  },
  examples: [
    ['sagedb import ./articles articles.jsonl', 'ids, vectors and metadata'],
    ['sagedb import ./sift sift_base.fvecs --metric l2', 'a public data set'],
  ],
  async run(invocation) {
    const { positionals, options, json } = invocation;
    const [path, file] = positionals as [string, string];
    const batchSize = integerOption(invocation, 'batch');
    const format = (textOption(invocation, 'format') as ImportFormat | undefined) ?? (await formatOf(file));
    const { dimension, items } = await importSource(file, format, {
      id: textOption(invocation, 'id-column') ?? 'id',
      vector: textOption(invocation, 'vector-column') ?? 'vector',
    });
    const metric = textOption(invocation, 'metric') as Metric | undefined;
    const started = performance.now();
    const progress = new ProgressReport('import', { quiet: json });
    const made = NewDatabase.at(path);
    let imported = 0;
    let size = 0;
    try {
      const database = await SageDB.open({ path, metric, ...(made && { dimension }) });
      try {
        // Of a file that it reads by itself the import knows how far it is; other items are counted.
        const source = typeof items === 'string' ? items : new PlacedItems(counted(items, progress), items.place);
        imported = await database.import(source, {
          batchSize,
          replace: options.replace === true,
          onProgress: ({ done, total }) => progress.update(done, total, format === 'jsonl' ? 'bytes' : 'rows'),
        });
        await database.buildIndex({ onProgress: ({ done, total }) => progress.update(done, total, 'rows indexed') });
      } catch (error) {
        if (made && database.stats().sequence === 0) await made.remove();
        // Without its files it cannot close in order; what failed first is what to report.
        await database.close().catch(() => {});
        throw error;
      }
      size = database.size;
      await database.close();
    } catch (error) {
      if (error instanceof SageDBError && error.code === 'DUPLICATE_ID')
        throw new SageDBError(error.code, error.message.replace(/; use upsert.*/, ' (--replace)'), { cause: error });
      throw error;
    } finally {
      progress.end();
    }
    const milliseconds = Math.round(performance.now() - started);
    if (json) printJson({ imported, items: size, milliseconds });
    else
      console.log(
        `${count(imported)} items from ${file === '-' ? 'standard input' : file}, ${count(size)} in ${path} (${seconds(milliseconds)})`,
      );
    return 0;
  },
};
