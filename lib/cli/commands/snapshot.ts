import type { Command } from '../command.js';
import { openExisting } from '../database.js';
import { count, printJson, seconds } from '../output.js';

export const snapshot: Command = {
  name: 'snapshot',
  summary: 'write a complete copy of a database into a new or empty folder',
  description: [
    'The copy is the state at one moment and a database of its own. Opens the folder read-only, also beside a process that writes.',
  ],
  positionals: ['path', 'folder'],
  examples: [['sagedb snapshot ./articles /backup/articles-$(date +%F)', 'a copy for every day']],
  async run({ positionals, json }) {
    const [path, folder] = positionals as [string, string];
    const started = performance.now();
    await using database = await openExisting(path, true);
    await database.snapshot(folder);
    const milliseconds = Math.round(performance.now() - started);
    if (json) printJson({ folder, items: database.size, milliseconds });
    else console.log(`${count(database.size)} items in ${folder} (${seconds(milliseconds)})`);
    return 0;
  },
};
