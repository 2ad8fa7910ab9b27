// Object streams cannot carry null (it ends them) and treat undefined as nothing; both are items like any other.
const NULL_ITEM: unique symbol = Symbol('null');
const UNDEFINED_ITEM: unique symbol = Symbol('undefined');

export function toChunk(item: unknown): unknown {
  if (item === null) return NULL_ITEM;
  return item === undefined ? UNDEFINED_ITEM : item;
}

export function fromChunk(chunk: unknown): unknown {
  if (chunk === NULL_ITEM) return null;
  return chunk === UNDEFINED_ITEM ? undefined : chunk;
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
