import type { Command } from '../command.js';
import { openExisting } from '../database.js';
import { count, printJson, seconds } from '../output.js';
import { ProgressReport } from '../progress.js';

export const verify: Command = {
  name: 'verify',
  summary: 'read every stored checksum of a database and check the structure of its index',
  description: [
    'Opens the folder read-only, also beside a process that writes. Exit code 1 when something is damaged.',
  ],
  positionals: ['path'],
  examples: [['sagedb verify ./articles && sagedb snapshot ./articles ./backup', 'back up what is known to be good']],
  async run({ positionals, json }) {
    const started = performance.now();
    const progress = new ProgressReport('verify', { quiet: json });
    await using database = await openExisting(positionals[0]!, true);
    try {
      await database.verify({ onProgress: ({ done, total }) => progress.update(done, total) });
    } finally {
      progress.end();
    }
    const milliseconds = Math.round(performance.now() - started);
    if (json) printJson({ ok: true, items: database.size, milliseconds });
    else
      console.log(
        `ok: ${count(database.size)} items, every checksum and the index are good (${seconds(milliseconds)})`,
      );
    return 0;
  },
};
