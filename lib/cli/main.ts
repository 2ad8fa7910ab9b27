#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { SageDBError } from '../errors.js';
import { fileError } from '../files/file-error.js';
import { parse } from './arguments.js';
import { commandNamed, UsageError } from './command.js';
import { COMMANDS } from './commands.js';
import { manual, overview } from './help.js';
import { jsonText } from './output.js';

async function main([name, ...rest]: string[]): Promise<number> {
  if (name === '--version' || name === '-v') {
    console.log(version());
    return 0;
  }
  if (name === undefined || name === '--help' || name === '-h') {
    console.log(overview(COMMANDS));
    return 0;
  }
  const command = commandNamed(name, COMMANDS);
  const invocation = parse(command, rest);
  if (!invocation.help) return command.run({ ...invocation, commands: COMMANDS });
  console.log(manual(command));
  return 0;
}

function version(): string {
  // lib/cli is one folder deeper than the bundle in dist/.
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        name: string;
        version: string;
      };
      if (manifest.name === 'sagedb') return manifest.version;
    } catch {
      // The next one.
    }
  }
  throw new Error('package.json of sagedb not found');
}

const isCommand = (name: string | undefined) => COMMANDS.some((command) => command.name === name);

/** What failed, in one line (or one JSON object); the exit code. */
function report(thrown: unknown, json: boolean, [name]: string[]): number {
  const error = fileError(thrown);
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown } | null)?.code;
  const usage = error instanceof UsageError;
  if (json) console.error(jsonText({ error: { code: usage ? 'USAGE' : code, message } }));
  else if (usage) console.error(`sagedb: ${message}\nTry 'sagedb ${isCommand(name) ? `help ${name}` : '--help'}'.`);
  else console.error(`sagedb: ${message}${error instanceof SageDBError ? ` (${error.code})` : ''}`);
  return usage ? 2 : 1;
}

const args = process.argv.slice(2);
const json = args.includes('--json');
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`sagedb export … | head`) is no failure.
  if (error.code === 'EPIPE') process.exit(0);
  error.message = `standard output: ${error.message}`;
  process.exit(report(error, json, args));
});

try {
  process.exitCode = await main(args);
} catch (error) {
  process.exitCode = report(error, json, args);
}
