#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { SageDBError } from '../errors.js';
import { bench } from './bench.js';
import { build } from './build.js';
import { type Command, parse, table, UsageError, usage } from './command.js';
import { doctor } from './doctor.js';
import { serve } from './serve.js';

const commands: Command[] = [doctor, bench, build, serve];

// Exit codes: 0 done, 1 failed, 2 wrong usage.
async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--version' || name === '-v') {
    console.log(version());
    return 0;
  }
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const topic = commands.find((command) => command.name === rest[0]);
    console.log(topic ? usage(topic) : overview());
    return 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) throw new UsageError(`unknown command '${name}'`);
  const invocation = parse(command, rest);
  if (invocation.help) {
    console.log(usage(command));
    return 0;
  }
  return command.run(invocation);
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

function overview(): string {
  return [
    'usage: sagedb <command> [options]',
    '',
    'commands:',
    ...table(commands.map(({ name, summary }) => [name, summary] as const)),
    '',
    '`sagedb <command> --help` shows the options of one.',
  ].join('\n');
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`sagedb: ${error.message}\nTry 'sagedb --help'.`);
    process.exitCode = 2;
  } else {
    const code = error instanceof SageDBError ? ` (${error.code})` : '';
    console.error(`sagedb: ${error instanceof Error ? error.message : String(error)}${code}`);
    process.exitCode = 1;
  }
}
