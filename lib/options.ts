import { resolve } from 'node:path';
import { invalidArgument, messageOf, SageDBError } from './errors.js';
import type { NativeOptions } from './native.js';
import type { IndexOptions, LongOptions, OpenOptions, SpaceOptions } from './types.js';

/**
 * A plain copy of an options object: every property read once, unknown names refused, undefined ones left out.
 */
export function readOptions<T extends object>(
  value: unknown,
  field: string,
  known: readonly (keyof T & string)[],
): Partial<T> {
  const copy: Record<string, unknown> = {};
  if (value === undefined) return copy as Partial<T>;
  if (typeof value !== 'object' || value === null) throw invalidArgument(field, 'an object', value);
  try {
    for (const name of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[name];
      if (member === undefined) continue;
      if (!(known as readonly string[]).includes(name)) throw unknownOption(field, name, known);
      copy[name] = member;
    }
  } catch (cause) {
    if (cause instanceof SageDBError) throw cause;
    throw new SageDBError('INVALID_ARGUMENT', `${field}: reading it failed: ${messageOf(cause)}`, { cause });
  }
  return copy as Partial<T>;
}

function unknownOption(field: string, name: string, known: readonly string[]): SageDBError {
  const list = known.length === 0 ? 'none' : known.join(', ');
  return new SageDBError('INVALID_ARGUMENT', `${field}.${name}: no such option; known are: ${list}`);
}

export function integerIn(value: unknown, field: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalidArgument(field, `an integer from ${min} to ${max}`, value);
}

export function booleanOf(value: unknown, field: string): boolean {
  if (typeof value === 'boolean') return value;
  throw invalidArgument(field, 'a boolean', value);
}

export function oneOf<T extends string>(value: unknown, field: string, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw invalidArgument(field, choices.map((choice) => `'${choice}'`).join(', '), value);
}

export function signalOf(value: unknown, field: string): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw invalidArgument(field, 'an AbortSignal', value);
}

export function longOptions(options: Partial<LongOptions>, field: string): LongOptions {
  const { onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument(`${field}.onProgress`, 'a function', onProgress);
  }
  return { signal: signalOf(options.signal, `${field}.signal`), onProgress };
}

/** An absolute path, so that it names the same file wherever the process goes (`process.chdir`). */
export function pathOf(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw invalidArgument(field, 'the path of a folder', value);
  }
  return resolve(value);
}

const MAX_TEXT_FIELDS = 64;

function textFieldsOf(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > MAX_TEXT_FIELDS) {
    throw invalidArgument('options.textFields', `an array of up to ${MAX_TEXT_FIELDS} paths`, value);
  }
  const fields = Array.from(value as unknown[], (field, i) => {
    if (typeof field === 'string' && field !== '' && !field.startsWith('$')) return field;
    throw invalidArgument(`options.textFields[${i}]`, 'a path of the metadata', field);
  });
  if (new Set(fields).size === fields.length) return fields;
  throw invalidArgument('options.textFields', 'paths that differ', value);
}

const MAX_SPACES = 32;
const SPACE_NAME = /^[A-Za-z][\w-]{0,63}$/;

function spacesOf(value: unknown): NativeOptions['spaces'] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument('options.spaces', 'an object of { dimension, metric } by name', value);
  }
  const named = Object.entries(readOptions<Record<string, unknown>>(value, 'options.spaces', Object.keys(value)));
  if (named.length === 0 || named.length > MAX_SPACES) {
    throw invalidArgument('options.spaces', `1 to ${MAX_SPACES} spaces`, value);
  }
  return named.map(([name, space]) => {
    const field = `options.spaces.${name}`;
    // Where an item lacks the vector, its object would have what every object has by such a name.
    if (!SPACE_NAME.test(name) || name === 'text' || name in Object.prototype) {
      const rule =
        "a letter and then letters, digits, '_' or '-', 64 at most, other than 'text' and 'constructor' and its like";
      throw invalidArgument('options.spaces', `names of ${rule}`, name);
    }
    const { dimension, metric } = readOptions<SpaceOptions>(space, field, ['dimension', 'metric']);
    return {
      name,
      dimension: integerIn(dimension, `${field}.dimension`, 1, 65_536),
      metric: oneOf(metric ?? 'cosine', `${field}.metric`, ['l2', 'cosine', 'ip']),
      openMetric: metric === undefined,
    };
  });
}

export function openOptions(value: unknown): NativeOptions {
  const options = readOptions<OpenOptions & { spaces: unknown }>(value, 'options', [
    'path',
    'durability',
    'readOnly',
    'checkBlocks',
    'hotMemory',
    'dimension',
    'metric',
    'spaces',
    'index',
    'vectors',
    'textFields',
    'rebuildThreshold',
    'threads',
  ]);
  const index = readOptions<IndexOptions>(options.index, 'options.index', [
    'type',
    'M',
    'efConstruction',
    'quantization',
  ]);
  const path = options.path === undefined ? '' : pathOf(options.path, 'options.path');
  for (const name of ['durability', 'readOnly', 'checkBlocks', 'hotMemory'] as const) {
    if (path === '' && options[name] !== undefined) {
      throw new SageDBError('INVALID_ARGUMENT', `options.${name}: has a meaning only together with options.path`);
    }
  }
  const spaces = options.spaces === undefined ? [] : spacesOf(options.spaces);
  for (const name of ['dimension', 'metric'] as const) {
    if (spaces.length > 0 && options[name] !== undefined) {
      throw new SageDBError('INVALID_ARGUMENT', `options.${name}: expected in each of options.spaces, got one for all`);
    }
  }
  const stored = spaces.length > 0 || (path !== '' && options.dimension === undefined);
  return {
    spaces,
    path,
    durability: oneOf(options.durability ?? (path === '' ? 'memory' : 'fsync'), 'options.durability', [
      'fsync',
      'async',
      'memory',
    ]),
    readOnly: booleanOf(options.readOnly ?? false, 'options.readOnly'),
    checkBlocks: booleanOf(options.checkBlocks ?? true, 'options.checkBlocks'),
    hotMemory:
      options.hotMemory === undefined
        ? undefined
        : integerIn(options.hotMemory, 'options.hotMemory', 0, Number.MAX_SAFE_INTEGER),
    openMetric: options.metric === undefined,
    openVectors: options.vectors === undefined,
    openIndex: index.type === undefined,
    openM: index.M === undefined,
    textFields: options.textFields === undefined ? [] : textFieldsOf(options.textFields),
    openTextFields: options.textFields === undefined,
    dimension: stored ? 0 : integerIn(options.dimension, 'options.dimension', 1, 65_536),
    metric: oneOf(options.metric ?? 'cosine', 'options.metric', ['l2', 'cosine', 'ip']),
    vectors: oneOf(options.vectors ?? 'float32', 'options.vectors', ['float32', 'float16']),
    indexType: oneOf(index.type ?? 'auto', 'options.index.type', ['auto', 'flat', 'hnsw']),
    M: integerIn(index.M ?? 16, 'options.index.M', 4, 64),
    efConstruction: integerIn(index.efConstruction ?? 200, 'options.index.efConstruction', 8, 4096),
    quantization: oneOf(index.quantization ?? 'auto', 'options.index.quantization', ['auto', 'none', 'sq8']),
    rebuildThreshold: integerIn(options.rebuildThreshold ?? 1000, 'options.rebuildThreshold', 1, 2 ** 30),
    threads: integerIn(options.threads ?? 0, 'options.threads', 0, 1024),
  };
}
