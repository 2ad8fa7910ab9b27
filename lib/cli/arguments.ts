import { parseArgs } from 'node:util';
import { type Command, type Invocation, type Option, optionsOf, UsageError } from './command.js';
import { didYouMean } from './suggest.js';

/** The command line after the name of a command. Throws `UsageError`. */
export function parse(command: Command, args: string[]): Omit<Invocation, 'commands'> & { help: boolean } {
  const known = optionsOf(command);
  // Not strict: the messages and suggestions are ours.
  const { tokens, positionals } = parseArgs({
    args,
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      Object.entries(known).map(([name, { kind, short }]) => [name, { type: kind, ...(short && { short }) }]),
    ),
  });
  const options: Invocation['options'] = {};
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (option === undefined) throw unknownOption(token.rawName, Object.keys(known));
    options[token.name] = checkedValue(token, option);
  }
  const help = options.help === true;
  if (!help) checkPositionals(command, positionals);
  return { options, positionals, json: options.json === true, help };
}

function unknownOption(given: string, known: string[]): UsageError {
  const hint = didYouMean(
    given,
    known.map((name) => `--${name}`),
  );
  return new UsageError(`unknown option '${given}'${hint}`);
}

function checkedValue(
  token: { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
  { kind, choices }: Option,
): string | boolean {
  const { rawName, value, inlineValue } = token;
  if (kind === 'boolean') {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value, got '${value}'`);
    return true;
  }
  // `--rows --json` forgot a value; `--radius -0.5` did not.
  if (value === undefined || (!inlineValue && /^-\D/.test(value) && !/^-\.\d/.test(value))) {
    throw new UsageError(`${rawName} needs a value`);
  }
  if (choices !== undefined && !choices.includes(value)) {
    throw new UsageError(
      `${rawName}: expected one of ${choices.join(', ')}, got '${value}'${didYouMean(value, choices)}`,
    );
  }
  return value;
}

function checkPositionals({ positionals: names = [], choices }: Command, given: string[]): void {
  const missing = names.filter((name) => !name.startsWith('['))[given.length];
  if (missing !== undefined) throw new UsageError(`missing argument <${missing.replace('...', '')}>`);
  const surplus = names.at(-1)?.endsWith('...') ? undefined : given[names.length];
  if (surplus !== undefined) throw new UsageError(`unexpected argument '${surplus}'`);
  const [first] = given;
  if (first !== undefined && choices !== undefined && !choices.includes(first)) {
    throw new UsageError(`expected one of ${choices.join(', ')}, got '${first}'${didYouMean(first, choices)}`);
  }
}

export function textOption({ options }: Invocation, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** A whole number of at least `least`; undefined when the option was not given. */
export function integerOption(invocation: Invocation, name: string, least = 1): number | undefined {
  const given = textOption(invocation, name);
  if (given === undefined) return undefined;
  const value = Number(given);
  if (given.trim() === '' || !Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name} must be a whole number of at least ${least}, got '${given}'`);
  }
  return value;
}

/** A finite number; undefined when the option was not given. */
export function numberOption(invocation: Invocation, name: string): number | undefined {
  const given = textOption(invocation, name);
  if (given === undefined) return undefined;
  const value = Number(given);
  if (given.trim() === '' || !Number.isFinite(value))
    throw new UsageError(`--${name} must be a number, got '${given}'`);
  return value;
}

/** A JSON object, for filters; undefined when the option was not given. */
export function objectOption(invocation: Invocation, name: string): object | undefined {
  const given = textOption(invocation, name);
  if (given === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch {
    throw new UsageError(`--${name} must be JSON, as in --${name} '{"year": {"$gte": 2020}}'; got '${given}'`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new UsageError(`--${name} must be a JSON object, got '${given}'`);
}
