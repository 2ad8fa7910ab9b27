/** A typed filter over metadata of type `M`. */
export type Filter<M extends object> = object & { readonly __metadata?: M };

/** Checks a filter and returns the JSON text that the engine parses. */
export function compileFilter(filter: object): string {
  return JSON.stringify(filter);
}
