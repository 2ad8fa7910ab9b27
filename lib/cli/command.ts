import { parseArgs } from 'node:util';

type OptionKind = 'string' | 'boolean';

export interface Option {
  kind: OptionKind;
  short?: string;
  /** Name of the value in the help text. */
  value?: string;
  help: string;
}

export interface Invocation {
  options: Record<string, string | boolean | undefined>;
  positionals: string[];
}

/** One verb of the command line. `run` prints its result and returns the exit code. */
export interface Command {
  name: string;
  summary: string;
  /** Names of the positional arguments, `[optional]` in brackets. */
  positionals?: string[];
  options?: Record<string, Option>;
  run(invocation: Invocation): Promise<number>;
}

/** Wrong usage: exit code 2 and a pointer to the help. */
export class UsageError extends Error {}

const common: Record<string, Option> = {
  help: { kind: 'boolean', short: 'h', help: 'show this text' },
};

export function parse(command: Command, args: string[]): Invocation & { help: boolean } {
  const options = { ...common, ...command.options };
  let parsed: { values: Invocation['options']; positionals: string[] };
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { kind, short }]) => [
          name,
          short ? { type: kind, short } : { type: kind },
        ]),
      ),
    }) as typeof parsed;
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
  const help = parsed.values.help === true;
  if (!help) checkPositionals(command, parsed.positionals);
  return { options: parsed.values, positionals: parsed.positionals, help };
}

function checkPositionals(command: Command, given: string[]): void {
  const names = command.positionals ?? [];
  const required = names.filter((name) => !name.startsWith('['));
  const missing = required[given.length];
  if (missing !== undefined) throw new UsageError(`missing argument <${missing}>`);
  const surplus = given[names.length];
  if (surplus !== undefined) throw new UsageError(`unexpected argument '${surplus}'`);
}

/** A whole number of at least `least`, or the default when the option was not given. */
export function numberOption(invocation: Invocation, name: string, fallback: number, least = 1): number {
  const given = invocation.options[name];
  if (given === undefined) return fallback;
  const value = Number(given);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name} must be a whole number of at least ${least}, got '${given}'`);
  }
  return value;
}

export function usage(command: Command): string {
  const places = (command.positionals ?? []).map((name) => (name.startsWith('[') ? name : `<${name}>`));
  const lines = [
    `usage: ${['sagedb', command.name, ...places, '[options]'].join(' ')}`,
    '',
    command.summary,
    '',
    'options:',
  ];
  const rows = Object.entries({ ...command.options, ...common }).map(([name, { short, value, help }]) => {
    const long = value ? `--${name} <${value}>` : `--${name}`;
    return [short ? `-${short}, ${long}` : long, help] as const;
  });
  return [...lines, ...table(rows)].join('\n');
}

/** Two aligned columns. */
export function table(rows: readonly (readonly [string, string])[], indent = 2): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${' '.repeat(indent)}${left.padEnd(width)}  ${right}`);
}
