// The filter language once more in plain JavaScript, written for clarity alone. Property tests compare the engine with it.

type Data = unknown;
type Fields = Record<string, Data>;

const isArray = (v: Data): v is Data[] => Array.isArray(v);
const isObject = (v: Data): v is Fields => typeof v === 'object' && v !== null && !Array.isArray(v);

/** Deep equality of JSON data; the order of an object's keys does not matter, 0 equals -0. */
export function equal(a: Data, b: Data): boolean {
  if (isArray(a) && isArray(b)) return a.length === b.length && a.every((x, i) => equal(x, b[i]));
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((k) => Object.hasOwn(b, k) && equal(a[k], b[k]));
  }
  return a === b;
}

/** undefined: missing. */
export function valueAt(metadata: Fields, path: string): Data {
  if (Object.hasOwn(metadata, path)) return metadata[path];
  const dot = path.indexOf('.');
  if (dot < 0 || !Object.hasOwn(metadata, path.slice(0, dot))) return undefined;
  const step = metadata[path.slice(0, dot)];
  return isObject(step) ? valueAt(step, path.slice(dot + 1)) : undefined;
}

function compares(op: string, v: Data, operand: Data): boolean {
  if (typeof v !== typeof operand || typeof v === 'object') return false;
  const a = v as number;
  const b = operand as number;
  return op === '$gt' ? a > b : op === '$gte' ? a >= b : op === '$lt' ? a < b : a <= b;
}

/** By whole characters: half of a surrogate pair is no substring of it. */
function hasSubstring(text: string, part: string): boolean {
  const characters = (s: string) => Array.from(s, (c) => `<${c.codePointAt(0)}>`).join('');
  return characters(text).includes(characters(part));
}

function hasPrefix(text: string, prefix: string): boolean {
  const wanted = Array.from(prefix);
  return Array.from(text).slice(0, wanted.length).join('|') === wanted.join('|');
}

/** `field`: v is a field's value, whose elements count too when it is an array; otherwise v stands for itself. */
function operation(op: string, operand: Data, v: Data, field: boolean): boolean {
  const opened = field && isArray(v) ? v : [];
  switch (op) {
    case '$eq':
      if (v === undefined) return operand === null;
      return equal(v, operand) || opened.some((e) => equal(e, operand));
    case '$ne':
      return !operation('$eq', operand, v, field);
    case '$in':
      return (operand as Data[]).some((o) => operation('$eq', o, v, field));
    case '$nin':
      return !operation('$in', operand, v, field);
    case '$all':
      return (operand as Data[]).length > 0 && (operand as Data[]).every((o) => operation('$eq', o, v, field));
    case '$exists':
      return (v !== undefined) === operand;
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      return compares(op, v, operand) || opened.some((e) => compares(op, e, operand));
    case '$contains':
      if (typeof v === 'string') return typeof operand === 'string' && hasSubstring(v, operand);
      return isArray(v) && v.some((e) => equal(e, operand));
    case '$startsWith':
      return [v, ...opened].some((e) => typeof e === 'string' && hasPrefix(e, operand as string));
    case '$not':
      return !operations(operand as Fields, v, field);
    case '$elemMatch':
      return (
        isArray(v) &&
        v.some((e) =>
          isCondition(operand) ? operations(operand as Fields, e, false) : isObject(e) && matches(operand as Fields, e),
        )
      );
    default:
      throw new Error(`oracle: ${op}`);
  }
}

function operations(ops: Fields, v: Data, field: boolean): boolean {
  return Object.entries(ops).every(([op, operand]) => operation(op, operand, v, field));
}

function isCondition(v: Data): boolean {
  if (!isObject(v)) return false;
  const keys = Object.keys(v);
  if (keys.length === 0 || !keys.every((k) => k.startsWith('$') && !['$and', '$or', '$nor'].includes(k))) return false;
  return keys.length > 1 || keys[0] !== '$not' || isCondition(v.$not);
}

export function matches(filter: Fields, metadata: Fields): boolean {
  return Object.entries(filter).every(([key, operand]) => {
    if (key === '$and') return (operand as Fields[]).every((f) => matches(f, metadata));
    if (key === '$or') return (operand as Fields[]).some((f) => matches(f, metadata));
    if (key === '$nor') return !(operand as Fields[]).some((f) => matches(f, metadata));
    if (key === '$not') return !matches(operand as Fields, metadata);
    const v = valueAt(metadata, key);
    if (isObject(operand) && Object.keys(operand).some((k) => k.startsWith('$'))) return operations(operand, v, true);
    return operation('$eq', operand, v, true);
  });
}

/** Seeded random numbers (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Random metadata and filters over a small world, so that conditions often hold. */
export class FilterWorld {
  static readonly keys = ['a', 'b', 'c', 'a.b', '', '__proto__', 'b.c', 'constructor'];
  static readonly paths = [
    ...FilterWorld.keys,
    'a.c',
    'b.a',
    'a.b.c',
    'a.a.b.c',
    'a.',
    '.a',
    '__proto__.a',
    'zz',
    'b.b.b',
  ];
  static readonly scalars = [
    null,
    true,
    false,
    0,
    -0,
    1,
    2,
    3,
    -1,
    2.5,
    1e300,
    -1e300,
    5e-324,
    '',
    'a',
    'b',
    'ab',
    'ba',
    'abc',
    '\u{1f600}',
    '\ud83d',
    '\ude00',
    '\uffff',
    '\u0000',
    'a\u0000',
    'é',
    '日本',
  ]; // prettier-ignore

  constructor(private readonly below: (n: number) => number) {}

  private chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  private list(depth: number): Data[] {
    return Array.from({ length: this.below(4) }, () => this.value(depth));
  }
  private value(depth: number): Data {
    if (depth <= 0 || this.chance(60)) return this.pick(FilterWorld.scalars);
    return this.chance(60) ? this.list(depth - 1) : this.metadata(depth - 1);
  }

  metadata(depth = 3): Fields {
    return Object.fromEntries(
      Array.from({ length: this.below(4) }, () => [this.pick(FilterWorld.keys), this.value(depth)]),
    );
  }

  filter(depth = 3): Fields {
    return Object.fromEntries(
      Array.from({ length: this.chance(80) ? 1 : this.below(3) }, () => {
        if (depth > 0 && this.chance(30)) return this.logical(depth);
        return [this.pick(FilterWorld.paths), this.chance(25) ? this.value(2) : this.conditions(depth)];
      }),
    );
  }

  private logical(depth: number): [string, Data] {
    if (this.chance(25)) return ['$not', this.filter(depth - 1)];
    return [this.pick(['$and', '$or', '$nor']), Array.from({ length: this.below(4) }, () => this.filter(depth - 1))];
  }
  private conditions(depth: number): Fields {
    return Object.fromEntries(Array.from({ length: this.chance(75) ? 1 : 2 }, () => this.operation(depth)));
  }
  private operation(depth: number): [string, Data] {
    const kind = this.below(15);
    if (kind === 14) return ['$startsWith', this.pick(FilterWorld.scalars.filter((s) => typeof s === 'string'))];
    if (kind < 3) return [this.pick(['$eq', '$ne', '$contains']), this.value(2)];
    if (kind < 7) return [this.pick(['$gt', '$gte', '$lt', '$lte']), this.pick(FilterWorld.scalars.slice(1))];
    if (kind < 10) return [this.pick(['$in', '$nin', '$all']), this.list(1)];
    if (kind < 11) return ['$exists', this.chance(50)];
    if (kind < 12 && depth > 0) return ['$not', this.conditions(depth - 1)];
    return [
      '$elemMatch',
      depth <= 0 || this.chance(60) ? this.conditions(Math.max(0, depth - 1)) : this.filter(depth - 1),
    ];
  }
}
