import type { Command } from './command.js';
import { bench } from './commands/bench.js';
import { build } from './commands/build.js';
import { completion } from './commands/completion.js';
import { doctor } from './commands/doctor.js';
import { explore } from './commands/explore.js';
import { exportCommand } from './commands/export.js';
import { help } from './commands/help.js';
import { importCommand } from './commands/import.js';
import { info } from './commands/info.js';
import { optimize } from './commands/optimize.js';
import { search } from './commands/search.js';
import { serve } from './commands/serve.js';
import { snapshot } from './commands/snapshot.js';
import { verify } from './commands/verify.js';

/** Every command, in the order of the overview. Dispatch, help and completion are made from this table. */
export const COMMANDS: readonly Command[] = [
  info,
  importCommand,
  exportCommand,
  search,
  verify,
  snapshot,
  optimize,
  explore,
  serve,
  bench,
  doctor,
  build,
  completion,
  help,
];
