import { invalidArgument } from '../errors.js';
import type { Filter } from '../filter.js';
import type { AsyncVectorDatabase } from '../service/database.js';
import type { Id, LongOptions, Metadata, NewItem, SearchOptions, VectorInput, VectorsInput } from '../types.js';

/** A JSON schema, as far as this file uses it. */
export type Schema = { readonly [key: string]: unknown };

/** The JSON body of a request. Its shape was checked against the route's schema. */
export interface RequestBody {
  vector?: VectorInput;
  vectors?: VectorsInput;
  metadata?: unknown;
  id?: Id;
  ids?: Id[];
  filter?: Filter<Metadata>;
  includeVector?: boolean;
  limit?: number;
  offset?: number;
  [option: string]: unknown;
}

/** One operation of the database as a request: `POST /v1/<name>`. */
export interface Route {
  name: string;
  summary: string;
  /** Refused by a read-only server. */
  write: boolean;
  /** Takes as long as it takes: exempt from the server's request timeout. */
  long: boolean;
  /** The body's field that holds vectors, and that a binary body leaves out. */
  vectors: 'vector' | 'vectors' | undefined;
  properties: Record<string, Schema>;
  required: readonly string[];
  result: Schema;
  run(database: AsyncVectorDatabase, body: RequestBody, signal: AbortSignal): Promise<unknown>;
}

const id: Schema = { anyOf: [{ type: 'string' }, { type: 'integer' }], description: 'A string or a safe integer.' };
const ids: Schema = { type: 'array', items: id };
const vector: Schema = {
  type: 'array',
  items: { type: 'number' },
  description: 'As many numbers as the database has dimensions.',
};
const vectors: Schema = { type: 'array', items: vector };
const metadata: Schema = { type: 'object', description: 'Plain JSON.' };
const metadataList: Schema = { type: 'array', items: { anyOf: [metadata, { type: 'null' }] } };
const filter: Schema = { type: 'object', description: 'A filter over the metadata, in the operators of the library.' };
const includeVector: Schema = { type: 'boolean', default: false };
const count: Schema = { type: 'integer', minimum: 0 };
const item: Schema = { type: 'object', properties: { id, metadata, vector }, required: ['id', 'metadata'] };
const hits: Schema = {
  type: 'array',
  items: { type: 'object', properties: { id, score: { type: 'number' }, metadata, vector }, required: ['id', 'score'] },
};
const orderBy: Schema = {
  anyOf: [{ type: 'string' }, { type: 'object' }, { type: 'array' }],
  description: 'A path, paths with directions, or a list of them.',
};
const select: Schema = { type: 'array', items: { type: 'string' }, description: 'Paths of the metadata to return.' };
const nothing: Schema = { type: 'null' };
const searchProperties = {
  k: { type: 'integer', minimum: 1, default: 10 },
  filter,
  ef: { type: 'integer', minimum: 1 },
  recall: { type: 'number' },
  radius: { type: 'number' },
  exact: { type: 'boolean', default: false },
  includeMetadata: { type: 'boolean', default: true },
  includeVector,
};

const DEFAULTS = {
  write: false,
  long: false,
  vectors: undefined,
  properties: {},
  required: [],
  result: nothing,
} as const;

/** A JSON list says null where a JavaScript list says undefined. */
function metadataOf(body: RequestBody): (Metadata | undefined)[] | undefined {
  return (body.metadata as (Metadata | null)[] | undefined)?.map((entry) => entry ?? undefined);
}

function rowsOf(body: RequestBody, dimension: number): NewItem[] {
  const metadata = metadataOf(body);
  const flat = body.vectors as Float32Array | VectorInput[];
  const count = Array.isArray(flat) ? flat.length : Math.ceil(flat.length / dimension);
  for (const [field, list] of Object.entries({ metadata, ids: body.ids })) {
    if (list !== undefined && list.length !== count) throw invalidArgument(field, `${count} entries`, list.length);
  }
  return Array.from({ length: count }, (_, i) => ({
    vector: Array.isArray(flat) ? flat[i]! : flat.subarray(i * dimension, (i + 1) * dimension),
    metadata: metadata?.[i],
    id: body.ids?.[i],
  }));
}

function searchOptions(body: RequestBody, signal: AbortSignal): SearchOptions {
  const { vector: _vector, vectors: _vectors, ...options } = body;
  return { ...options, signal } as SearchOptions;
}

function putRoute(name: 'add' | 'upsert', summary: string): Route {
  return {
    ...DEFAULTS,
    name,
    summary,
    write: true,
    vectors: 'vector',
    properties: { vector, metadata, id },
    required: ['vector'],
    result: id,
    run: (database, body) => {
      const options = body.id === undefined ? {} : { id: body.id };
      return database[name](body.vector!, body.metadata as Metadata | undefined, options);
    },
  };
}

function putBatchRoute(name: 'addBatch' | 'upsertBatch', summary: string): Route {
  return {
    ...DEFAULTS,
    name,
    summary,
    write: true,
    vectors: 'vectors',
    properties: { vectors, metadata: metadataList, ids },
    required: ['vectors'],
    result: ids,
    run: (database, body, signal) => {
      const options = body.ids === undefined ? { signal } : { ids: body.ids, signal };
      return database[name](body.vectors!, metadataOf(body), options);
    },
  };
}

function longRoute(name: 'buildIndex' | 'optimize', summary: string): Route {
  const run = (database: AsyncVectorDatabase, _body: RequestBody, signal: AbortSignal) => {
    const options: LongOptions = { signal };
    return database[name](options);
  };
  return { ...DEFAULTS, name, summary, write: true, long: true, run };
}

/** Everything a client can ask for. The OpenAPI document, the validation and the client are made from this list. */
export const ROUTES: readonly Route[] = [
  putRoute('add', 'Adds one item and gives its id; an existing id is refused.'),
  putRoute('upsert', 'Adds one item or replaces the whole item of this id.'),
  putBatchRoute('addBatch', 'Adds all items or none.'),
  putBatchRoute('upsertBatch', 'Adds or replaces all items or none.'),
  {
    ...DEFAULTS,
    name: 'update',
    summary: 'Replaces vector, metadata, or both at once; false when the id does not exist.',
    write: true,
    vectors: 'vector',
    properties: { id, vector, metadata },
    required: ['id'],
    result: { type: 'boolean' },
    run: (database, { id: target, vector: floats, metadata: data }) =>
      database.update(target!, { vector: floats, metadata: data as Metadata | undefined }),
  },
  {
    ...DEFAULTS,
    name: 'remove',
    summary: 'Removes items; gives how many existed.',
    write: true,
    properties: { ids },
    required: ['ids'],
    result: count,
    run: (database, body) => database.remove(body.ids!),
  },
  {
    ...DEFAULTS,
    name: 'removeWhere',
    summary: 'Removes every matching item; gives how many.',
    write: true,
    properties: { filter },
    required: ['filter'],
    result: count,
    run: (database, body) => database.removeWhere(body.filter!),
  },
  {
    ...DEFAULTS,
    name: 'replaceWhere',
    summary: 'Removes every matching item and adds rows as one step; gives their ids and how many were removed.',
    write: true,
    vectors: 'vectors',
    properties: { filter, vectors, metadata: metadataList, ids },
    required: ['filter', 'vectors'],
    result: {
      type: 'object',
      properties: { ids, removed: count },
      required: ['ids', 'removed'],
    },
    run: (database, body, signal) => database.replaceWhere(body.filter!, rowsOf(body, database.dimension), { signal }),
  },
  {
    ...DEFAULTS,
    name: 'getMany',
    summary: 'Items in the order of their ids; null for those that do not exist.',
    properties: { ids, includeVector },
    required: ['ids'],
    result: { type: 'array', items: { anyOf: [item, nothing] } },
    run: (database, body) => database.getMany(body.ids!, { includeVector: body.includeVector }),
  },
  {
    ...DEFAULTS,
    name: 'has',
    summary: 'Whether an item exists.',
    properties: { id },
    required: ['id'],
    result: { type: 'boolean' },
    run: (database, body) => database.has(body.id!),
  },
  {
    ...DEFAULTS,
    name: 'count',
    summary: 'How many items match; all without a filter.',
    properties: { filter },
    result: count,
    run: (database, body) => database.count(body.filter),
  },
  {
    ...DEFAULTS,
    name: 'find',
    summary: 'Items that match.',
    properties: { filter, limit: count, offset: count, orderBy, select, includeVector },
    required: ['filter'],
    result: { type: 'array', items: item },
    run: (database, { filter: where, ...options }) => database.find(where!, options as { limit?: number }),
  },
  {
    ...DEFAULTS,
    name: 'search',
    summary: 'The k nearest items, best first.',
    vectors: 'vector',
    properties: { vector, ...searchProperties },
    required: ['vector'],
    result: hits,
    run: (database, body, signal) => database.search(body.vector!, searchOptions(body, signal)),
  },
  {
    ...DEFAULTS,
    name: 'batchSearch',
    summary: 'Many searches with the same options; result i belongs to query i.',
    vectors: 'vectors',
    properties: { vectors, ...searchProperties },
    required: ['vectors'],
    result: { type: 'array', items: hits },
    run: (database, body, signal) => database.batchSearch(body.vectors!, searchOptions(body, signal)),
  },
  longRoute('buildIndex', 'Indexes every row and waits for it.'),
  longRoute('optimize', 'Indexes every row and reclaims the space of removed ones.'),
  {
    ...DEFAULTS,
    name: 'flush',
    summary: 'Waits until every write is as durable as the database makes it.',
    write: true,
    run: (database) => database.flush(),
  },
];
