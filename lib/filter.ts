import { SageDBError, show } from './errors.js';

export type { FieldCondition, FieldOperators, Filter, LooseFilter } from './filter-type.js';

/** Levels of objects and arrays, the filter itself included; the engine has the same bound. */
const MAX_DEPTH = 64;

type Plain = Record<string, unknown>;

function invalid(where: string, problem: string, cause?: unknown): SageDBError {
  return new SageDBError('INVALID_FILTER', `${where}: ${problem}`, cause === undefined ? undefined : { cause });
}

function quoted(path: string): string {
  return path.length > 100 ? `'${path.slice(0, 100)}…'` : `'${path}'`;
}

const isOperator = (key: string) => key.startsWith('$');
const isLogical = (key: string) => key === '$and' || key === '$or' || key === '$nor';

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Also objects of another realm (node:vm, worker): their Object.prototype is not ours.
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function hint(value: object): string {
  if (value instanceof Date)
    return ' (store dates as ISO strings or epoch numbers and compare with toISOString() or getTime())';
  if (value instanceof RegExp) return ' (patterns are not supported; $contains finds substrings, $startsWith prefixes)';
  return '';
}

/** `{ $gt: 1, $lt: 5 }`: conditions on a value, as opposed to a filter or a plain object. The engine decides in the same way. */
function isCondition(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  if (keys.length === 0 || !keys.every((key) => isOperator(key) && !isLogical(key))) return false;
  return keys.length > 1 || keys[0] !== '$not' || isCondition((value as Plain).$not);
}

/** Walks a filter once, checking and writing JSON text; nothing that it reads can change in between. */
class FilterCompiler {
  private readonly open = new Set<object>();

  /** Entries of a plain object: own enumerable data properties, each read once. */
  private entries(value: unknown, where: string, expected: string): [string, unknown][] {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalid(where, `expected ${expected}, got ${show(value)}`);
    if (!isPlainObject(value)) throw invalid(where, `expected ${expected}, got ${show(value)}${hint(value)}`);
    if (Object.getOwnPropertySymbols(value).length > 0) throw invalid(where, 'symbols cannot be keys of a filter');
    const entries: [string, unknown][] = [];
    for (const key of Object.keys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (property === undefined) continue;
      if (property.get !== undefined || property.set !== undefined)
        throw invalid(where, `${quoted(key)} is a getter; a filter is plain data`);
      entries.push([key, property.value]);
    }
    return entries;
  }

  private list(value: unknown, where: string, expected: string): unknown[] {
    if (!Array.isArray(value)) throw invalid(where, `expected ${expected}, got ${show(value)}`);
    return Array.from({ length: value.length }, (_, i) => {
      const property = Object.getOwnPropertyDescriptor(value, i);
      if (property?.get !== undefined) throw invalid(where, `element ${i} is a getter; a filter is plain data`);
      return property?.value;
    });
  }

  /** Runs `body` one level deeper. */
  private nest(value: unknown, where: string, body: () => string): string {
    if (this.open.has(value as object)) throw invalid(where, 'the filter contains itself');
    if (this.open.size >= MAX_DEPTH) throw invalid(where, `nested deeper than ${MAX_DEPTH} levels`);
    this.open.add(value as object);
    const text = body();
    this.open.delete(value as object);
    return text;
  }

  filter(value: unknown, where: string): string {
    const entries = this.entries(value, where, 'an object of conditions');
    return this.nest(value, where, () => {
      const parts = entries.map(([key, operand]) => {
        const text = isOperator(key)
          ? this.logical(key, operand, `${where}: ${key}`)
          : this.field(operand, `${where}: ${quoted(key)}`);
        return `${JSON.stringify(key)}:${text}`;
      });
      return `{${parts.join(',')}}`;
    });
  }

  private logical(op: string, operand: unknown, where: string): string {
    if (op === '$not') return this.filter(operand, where);
    if (!isLogical(op)) throw invalid(where, 'unknown operator; expected a field or one of $and, $or, $nor, $not');
    const items = this.list(operand, where, 'an array of filters');
    return this.nest(
      operand,
      where,
      () => `[${items.map((item, i) => this.filter(item, `${where}[${i}]`)).join(',')}]`,
    );
  }

  private field(operand: unknown, where: string): string {
    if (typeof operand === 'object' && operand !== null && !Array.isArray(operand)) {
      const entries = this.entries(operand, where, 'a value or an object of operators');
      const operators = entries.filter(([key]) => isOperator(key)).length;
      if (operators > 0 && operators < entries.length)
        throw invalid(
          where,
          `expected operators or a value, not both, got the keys ${entries.map(([key]) => key).join(', ')}`,
        );
      if (operators > 0) return this.condition(operand, entries, where);
    }
    return this.value(operand, where, false);
  }

  private condition(operand: object, entries: [string, unknown][], where: string): string {
    return this.nest(operand, where, () => {
      const parts = entries.map(
        ([op, value]) => `${JSON.stringify(op)}:${this.operation(op, value, `${where}: ${op}`)}`,
      );
      return `{${parts.join(',')}}`;
    });
  }

  private operation(op: string, operand: unknown, where: string): string {
    switch (op) {
      case '$eq':
      case '$ne':
      case '$contains':
        return this.value(operand, where, true);
      case '$in':
      case '$nin':
      case '$all':
        if (!Array.isArray(operand)) throw invalid(where, `expected an array of values, got ${show(operand)}`);
        return this.value(operand, where, true);
      case '$gt':
      case '$gte':
      case '$lt':
      case '$lte':
        if (typeof operand !== 'number' && typeof operand !== 'string' && typeof operand !== 'boolean')
          throw invalid(where, `expected a number, string or boolean, got ${show(operand)}${objectHint(operand)}`);
        return this.value(operand, where, true);
      case '$startsWith':
        if (typeof operand !== 'string')
          throw invalid(where, `expected a string, got ${show(operand)}${objectHint(operand)}`);
        return this.value(operand, where, true);
      case '$exists':
        if (typeof operand !== 'boolean') throw invalid(where, `expected true or false, got ${show(operand)}`);
        return String(operand);
      case '$elemMatch': {
        const entries = this.entries(operand, where, 'operators or a filter');
        return isCondition(operand) ? this.condition(operand as object, entries, where) : this.filter(operand, where);
      }
      case '$not': {
        const entries = this.entries(operand, where, 'an object of operators (use $ne for a value)');
        if (entries.length === 0 || !entries.every(([key]) => isOperator(key)))
          throw invalid(where, 'expected an object of operators only (use $ne for a value)');
        return this.condition(operand as object, entries, where);
      }
      default:
        throw invalid(
          where,
          'unknown operator; expected one of $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $all, $elemMatch, $contains, $startsWith, $not',
        );
    }
  }

  /** A value to compare with. Outside of explicit operators its keys may not look like operators: such a filter means something else. */
  private value(value: unknown, where: string, explicit: boolean): string {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return JSON.stringify(value);
      case 'number':
        if (!Number.isFinite(value)) throw invalid(where, `expected a finite number, got ${value}`);
        return JSON.stringify(value);
      case 'object':
        break;
      case 'undefined':
        throw invalid(
          where,
          'expected a value, got undefined (leave the field out, or use null or { $exists: false })',
        );
      default:
        throw invalid(where, `expected a JSON value, got ${show(value)}`);
    }
    if (value === null) return 'null';
    if (Array.isArray(value)) {
      const items = this.list(value, where, 'an array');
      return this.nest(
        value,
        where,
        () => `[${items.map((item, i) => this.value(item, `${where}[${i}]`, explicit)).join(',')}]`,
      );
    }
    const entries = this.entries(value, where, 'a JSON value');
    return this.nest(value, where, () => {
      const parts = entries.map(([key, item]) => {
        if (!explicit && isOperator(key))
          throw invalid(
            where,
            `operator ${key} inside a value; name nested fields by dotted path, or use $eq for a value that has such a key`,
          );
        return `${JSON.stringify(key)}:${this.value(item, `${where}: ${quoted(key)}`, explicit)}`;
      });
      return `{${parts.join(',')}}`;
    });
  }
}

function objectHint(value: unknown): string {
  return typeof value === 'object' && value !== null ? hint(value) : '';
}

/**
 * Checks a filter and returns the JSON text that the engine parses. Throws `INVALID_FILTER` naming path and operator for everything
 * that is not plain data: undefined, NaN, dates, patterns, functions, bigints, getters, symbol keys, class instances, cycles.
 */
export function compileFilter(filter: object): string {
  try {
    return new FilterCompiler().filter(filter, 'filter');
  } catch (error) {
    if (error instanceof SageDBError) throw error;
    throw invalid('filter', 'reading it threw an error', error); // traps of a proxy
  }
}
