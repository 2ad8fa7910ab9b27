// Dotted paths into metadata, as filters read them (see docs/filters.md).

type Fields = Record<string, unknown>;

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** The keys that lead to the value a path names; undefined when it is missing. A key equal to the whole rest of the path wins. */
function keysTo(metadata: object, path: string): string[] | undefined {
  const keys: string[] = [];
  let rest = path;
  for (let at: Fields | undefined = metadata as Fields; at !== undefined; ) {
    if (Object.hasOwn(at, rest)) return [...keys, rest];
    const dot = rest.indexOf('.');
    const head = rest.slice(0, dot);
    if (dot < 0 || !Object.hasOwn(at, head)) return undefined;
    keys.push(head);
    at = fieldsOf(at[head]);
    rest = rest.slice(dot + 1);
  }
  return undefined;
}

export function valueAt(metadata: object, path: string): unknown {
  const keys = keysTo(metadata, path);
  return keys?.reduce<unknown>((at, key) => (at as Fields)[key], metadata);
}

/** A copy of the metadata with the selected paths only, each at its place. Paths that are missing stay missing. */
export function selectPaths(metadata: object, paths: readonly string[]): object {
  const copy: Fields = {};
  for (const path of paths) {
    const keys = keysTo(metadata, path);
    if (keys !== undefined) copyValue(metadata as Fields, copy, keys);
  }
  return copy;
}

function copyValue(from: Fields, to: Fields, keys: readonly string[]): void {
  const key = keys[0] as string;
  const value = from[key];
  if (Object.hasOwn(to, key) && to[key] === value) return; // selected as a whole before
  if (keys.length === 1) {
    define(to, key, value);
    return;
  }
  if (!Object.hasOwn(to, key)) define(to, key, {});
  copyValue(value as Fields, to[key] as Fields, keys.slice(1));
}

/** Also for `__proto__`, which plain assignment would take for the prototype. */
function define(object: Fields, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}
