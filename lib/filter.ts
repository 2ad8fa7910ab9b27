/** A typed filter over metadata of type `M`. */
export type Filter<_M extends object> = Record<string, unknown>;

/** Checks a filter and returns the JSON text that the engine parses. */
export function compileFilter(filter: object): string {
  return JSON.stringify(filter);
}
