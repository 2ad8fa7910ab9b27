import { messageOf, SageDBError, show } from './errors.js';

/** The outermost object is level 1. */
export const MAX_METADATA_DEPTH = 64;
/** Characters of JSON text per item. */
export const MAX_METADATA_LENGTH = 16 * 1024 * 1024;

/**
 * JSON text of metadata, read exactly once.
 *
 * Accepted is plain JSON data: objects without a class, arrays, strings, finite numbers, booleans, null. A property whose value is
 * undefined is left out, as in JSON. Everything that JSON.stringify would change without a word is refused: NaN and Infinity, undefined
 * in arrays, bigint, functions, symbols, and instances of classes, among them Date (pass `date.toISOString()` or
 * `date.getTime()`), Map, Set and typed arrays; `toJSON` is never called. A `__proto__` key is data like any other.
 * Only -0 is kept as 0, which every filter and comparison takes for the same.
 *
 * JSON.stringify is not used for the whole: checking and writing must see the same values even when getters or proxies answer
 * differently the second time.
 */
export function stringifyMetadata(metadata: unknown, field = 'metadata'): string {
  const writer = new MetadataWriter(field);
  try {
    return writer.write(metadata);
  } catch (cause) {
    if (cause instanceof SageDBError) throw cause;
    throw new SageDBError('INVALID_METADATA', `${writer.path()}: reading it failed: ${messageOf(cause)}`, { cause });
  }
}

// Keys repeat from item to item; quoting them is a good part of the work. Bounded, for data whose keys are data.
const quotedKeys = new Map<string, string>();

function quoteKey(key: string): string {
  let quoted = quotedKeys.get(key);
  if (quoted === undefined) {
    quoted = `${JSON.stringify(key)}:`;
    if (quotedKeys.size < 1000 && key.length <= 64) quotedKeys.set(key, quoted);
  }
  return quoted;
}

/** Also true for plain objects of another realm (vm contexts, Jest). */
function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

class MetadataWriter {
  readonly #field: string;
  readonly #ancestors: object[] = [];
  readonly #path: (string | number)[] = [];
  #length = 0;

  constructor(field: string) {
    this.#field = field;
  }

  path(): string {
    return this.#path.reduce<string>(
      (text, step) =>
        text + (typeof step === 'number' ? `[${step}]` : /^[\w$]+$/.test(step) ? `.${step}` : `[${show(step)}]`),
      this.#field,
    );
  }

  write(metadata: unknown): string {
    if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
      throw this.#error(`expected a plain object, got ${show(metadata)}`);
    }
    return this.#container(metadata);
  }

  #error(problem: string): SageDBError {
    return new SageDBError('INVALID_METADATA', `${this.path()}: ${problem}`);
  }

  #count(length: number): void {
    this.#length += length;
    if (this.#length > MAX_METADATA_LENGTH) {
      throw new SageDBError(
        'INVALID_METADATA',
        `${this.#field}: expected at most ${MAX_METADATA_LENGTH} characters of JSON text, got more`,
      );
    }
  }

  #value(value: unknown): string {
    let text: string;
    switch (typeof value) {
      case 'string':
        if (value.length > MAX_METADATA_LENGTH) this.#count(value.length); // before making a second copy of it
        text = JSON.stringify(value);
        break;
      case 'number':
        if (!Number.isFinite(value)) throw this.#error(`expected a finite number, got ${value}`);
        text = `${value}`;
        break;
      case 'boolean':
        text = value ? 'true' : 'false';
        break;
      case 'object':
        if (value !== null) return this.#container(value);
        text = 'null';
        break;
      default:
        throw this.#error(`expected JSON data, got ${show(value)}`);
    }
    this.#count(text.length);
    return text;
  }

  #container(value: object): string {
    if (this.#ancestors.includes(value)) throw this.#error('contains itself');
    if (this.#ancestors.length >= MAX_METADATA_DEPTH) {
      throw this.#error(`nested deeper than ${MAX_METADATA_DEPTH} levels`);
    }
    this.#ancestors.push(value);
    let text: string;
    if (Array.isArray(value)) {
      text = this.#array(value);
    } else if (isPlainObject(value)) {
      text = this.#object(value as Record<string, unknown>);
    } else {
      throw this.#error(
        `expected plain JSON data, got ${show(value)}${value instanceof Date ? ' (pass date.toISOString())' : ''}`,
      );
    }
    this.#ancestors.pop();
    return text;
  }

  #array(value: readonly unknown[]): string {
    let text = '[';
    const length = value.length;
    this.#count(length === 0 ? 2 : length + 1); // brackets and commas
    for (let i = 0; i < length; i++) {
      this.#path.push(i);
      text += (i === 0 ? '' : ',') + this.#value(value[i]);
      this.#path.pop();
    }
    return `${text}]`;
  }

  #object(value: Record<string, unknown>): string {
    let text = '{';
    this.#count(2);
    for (const key of Object.keys(value)) {
      this.#path.push(key);
      const member = value[key];
      if (member !== undefined) {
        const quoted = quoteKey(key);
        const comma = text.length === 1 ? '' : ',';
        this.#count(comma.length + quoted.length);
        text += comma + quoted + this.#value(member);
      }
      this.#path.pop();
    }
    return `${text}}`;
  }
}
