import type { Stats } from '../../types.js';
import type { Command } from '../command.js';
import { openExisting } from '../database.js';
import { bytes, count, printFacts, printJson, seconds } from '../output.js';
import { ProgressReport } from '../progress.js';

interface State {
  items: number;
  indexedRows: number;
  deletedRows: number;
  memory: number;
  stored: number;
}

function stateOf({ size, indexedRows, deletedRows, memory, storage }: Stats): State {
  return {
    items: size,
    indexedRows,
    deletedRows,
    memory: memory.total,
    stored: storage.segmentBytes + storage.logBytes,
  };
}

export const optimize: Command = {
  name: 'optimize',
  summary: 'index every row, reclaim the space of removed ones and write a checkpoint',
  description: ['Opens the folder for writing, so no other process may have it open for writing.'],
  positionals: ['path'],
  async run({ positionals, json }) {
    const started = performance.now();
    const progress = new ProgressReport('optimize', { quiet: json });
    await using database = await openExisting(positionals[0]!, false);
    const before = stateOf(database.stats());
    try {
      await database.optimize({ onProgress: ({ done, total }) => progress.update(done, total, 'rows') });
    } finally {
      progress.end();
    }
    await database.flush();
    const after = stateOf(database.stats());
    const milliseconds = Math.round(performance.now() - started);
    if (json) {
      printJson({ before, after, milliseconds });
      return 0;
    }
    const change = (name: keyof State, show: (value: number) => string) =>
      `${show(before[name])} → ${show(after[name])}`;
    printFacts([
      ['items', count(after.items)],
      ['indexed rows', change('indexedRows', count)],
      ['removed rows kept', change('deletedRows', count)],
      ['memory', change('memory', bytes)],
      ['on disk', change('stored', bytes)],
      ['took', seconds(milliseconds)],
    ]);
    return 0;
  },
};
