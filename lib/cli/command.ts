import { didYouMean } from './suggest.js';

/** An option of a command. */
export interface Option {
  kind: 'string' | 'boolean';
  short?: string;
  /** Name of the value in the help text. */
  value?: string;
  /** The only values allowed. */
  choices?: readonly string[];
  help: string;
}

/** What was typed after the name of a command. */
export interface Invocation {
  options: Record<string, string | boolean | undefined>;
  positionals: string[];
  /** `--json` was given: the result is one JSON document on standard output. */
  json: boolean;
  /** Every command, for help and completion. */
  commands: readonly Command[];
}

/** One verb of the command line. Help and shell completion are made from these fields. */
export interface Command {
  name: string;
  /** One line. */
  summary: string;
  /** Paragraphs of the manual page. */
  description?: readonly string[];
  /** Names of the positional arguments: `path`, `[optional]`, `files...` for one or more. */
  positionals?: readonly string[];
  /** The only values of the first positional argument. */
  choices?: readonly string[];
  options?: Record<string, Option>;
  /** Lines to type, each with what it does. */
  examples?: readonly (readonly [line: string, does: string])[];
  /** Prints the result and returns the exit code: 0 done, 1 failed. */
  run(invocation: Invocation): Promise<number>;
}

/** Wrong usage: exit code 2 and a pointer to the help. */
export class UsageError extends Error {}

/** Options that every command has. */
export const COMMON: Record<string, Option> = {
  json: { kind: 'boolean', help: 'print JSON' },
  help: { kind: 'boolean', short: 'h', help: 'show this text' },
};

export function optionsOf(command: Command): Record<string, Option> {
  return { ...command.options, ...COMMON };
}

/** Throws `UsageError` with the nearest name. */
export function commandNamed(name: string, commands: readonly Command[]): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = commands.map((candidate) => candidate.name);
  throw new UsageError(`unknown command '${name}'${didYouMean(name, names)}`);
}
