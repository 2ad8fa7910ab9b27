type Json = unknown;

/** What the items of a sample have at one path of their metadata. */
export interface FieldSummary {
  path: string;
  /** Part of the sample that has the field. */
  share: number;
  /** `string`, `number`, `boolean`, `null`, `array`; most frequent first. */
  types: string[];
  /** Different strings, numbers and booleans; undefined when there are none, or more than fifty. */
  distinct: number | undefined;
  /** Of numbers. */
  range: [least: number, greatest: number] | undefined;
  /** The most frequent values, at most three, long strings cut. */
  examples: Json[];
}

const MAX_DISTINCT = 50;
const MAX_DEPTH = 4;
const MAX_TEXT = 40;

class FieldCount {
  items = 0;
  readonly types = new Map<string, number>();
  readonly values = new Map<Json, number>();
  range: [number, number] | undefined;

  add(value: Json): void {
    this.items++;
    const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    this.types.set(type, (this.types.get(type) ?? 0) + 1);
    if (typeof value === 'number') {
      const [least, greatest] = this.range ?? [value, value];
      this.range = [Math.min(least, value), Math.max(greatest, value)];
    }
    for (const part of Array.isArray(value) ? value : [value]) {
      if (part === null || typeof part === 'object') continue;
      if (this.values.has(part) || this.values.size <= MAX_DISTINCT)
        this.values.set(part, (this.values.get(part) ?? 0) + 1);
    }
  }

  summary(path: string, sampled: number): FieldSummary {
    const falling = <K>(counts: Map<K, number>) => [...counts].sort((a, b) => b[1] - a[1]).map(([key]) => key);
    const distinct = this.values.size;
    return {
      path,
      share: this.items / sampled,
      types: falling(this.types),
      distinct: distinct === 0 || distinct > MAX_DISTINCT ? undefined : distinct,
      range: this.range,
      examples: falling(this.values).slice(0, 3).map(cut),
    };
  }
}

function cut(value: Json): Json {
  return typeof value === 'string' && value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
}

/** The metadata fields of a sample of items, in the order of their first appearance. Nested objects are opened: `author.name`. */
export function describeFields(items: readonly { metadata: object }[]): FieldSummary[] {
  const fields = new Map<string, FieldCount>();
  const walk = (object: object, prefix: string, depth: number) => {
    for (const [key, value] of Object.entries(object)) {
      const path = `${prefix}${key}`;
      if (typeof value === 'object' && value !== null && !Array.isArray(value) && depth < MAX_DEPTH) {
        walk(value, `${path}.`, depth + 1);
        continue;
      }
      const count = fields.get(path) ?? new FieldCount();
      fields.set(path, count);
      count.add(value);
    }
  };
  for (const { metadata } of items) walk(metadata, '', 1);
  return Array.from(fields, ([path, count]) => count.summary(path, items.length));
}
