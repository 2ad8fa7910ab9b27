import { invalidArgument } from '../errors.js';
import type { Filter } from '../filter.js';
import type {
  DuplicateOptions,
  Id,
  Item,
  IterateOptions,
  LongOptions,
  Metadata,
  NewItem,
  RawBatchSearchResult,
  RawSearchResult,
  RefinedSearchOptions,
  SearchQuery,
  SearchResult,
  TextQuery,
  VectorInput,
  VectorsInput,
} from '../types.js';
import type { RemoteDatabase } from './remote-database.js';
import type { ServedDatabase } from './served-database.js';

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
  /** Can be answered in parts that say how far the work is. */
  progress: boolean;
  /** The database's method, where the name is another. */
  method?: keyof ServedDatabase;
  run(database: ServedDatabase, body: RequestBody, options: LongOptions & { signal: AbortSignal }): Promise<unknown>;
  /** Instead of `run`: answered item by item. */
  stream?(database: ServedDatabase, body: RequestBody): AsyncGenerator<Item<Metadata, boolean>, void, undefined>;
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
  items: {
    type: 'object',
    properties: { id, score: { type: 'number' }, metadata, vector, highlights: { type: 'array' } },
    required: ['id', 'score'],
  },
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

const explain: Schema = { type: 'boolean', default: false, description: 'Adds how the search was answered.' };
const pageProperties = {
  groupBy: { type: 'string', description: 'Path of a metadata field.' },
  groupSize: { type: 'integer', minimum: 1, default: 1 },
  offset: count,
  explain,
};
const refineProperties = {
  ...pageProperties,
  diversity: { type: 'number', minimum: 0, maximum: 1 },
  candidates: { type: 'integer', minimum: 1 },
};
const rawHits = {
  ids,
  scores: { type: 'array', items: { type: 'number' } },
  vectors: { type: 'array', items: { type: 'number' } },
};
const textProperties = {
  fusion: {
    anyOf: [{ type: 'string', enum: ['rrf'] }, { type: 'object' }],
    description: "With a vector: 'rrf', or { weights: { vector, text } }.",
  },
  fields: {
    anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'object' }],
    description: 'Text fields, or their weights.',
  },
  k1: { type: 'number', minimum: 0, default: 1.2 },
  b: { type: 'number', minimum: 0, maximum: 1, default: 0.75 },
  highlight: { type: 'boolean', default: false },
};

const DEFAULTS = {
  write: false,
  long: false,
  progress: false,
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

function searchOptions(body: RequestBody, signal: AbortSignal): RefinedSearchOptions {
  const { vector: _vector, vectors: _vectors, positive: _positive, negative: _negative, ...options } = body;
  return { ...options, signal } as RefinedSearchOptions;
}

/** What the database cannot do of it, it refuses itself. */
function search(
  database: ServedDatabase,
  query: SearchQuery,
  options: RefinedSearchOptions,
): Promise<SearchResult<Metadata, boolean, boolean>[]> {
  return (database as RemoteDatabase).search(query, options);
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
    progress: true,
    run: (database, body, long) => {
      const options = body.ids === undefined ? long : { ids: body.ids, ...long };
      return database[name](body.vectors!, metadataOf(body), options);
    },
  };
}

function longRoute(name: 'buildIndex' | 'optimize', summary: string): Route {
  return {
    ...DEFAULTS,
    name,
    summary,
    write: true,
    long: true,
    progress: true,
    run: (database, _body, options) => database[name](options),
  };
}

/** Typed arrays as JSON: ids of either kind in one list; the vectors stay what a binary answer can carry. */
function rawAnswer({ ids: numbers, stringIds, scores, ...rest }: RawSearchResult | RawBatchSearchResult): object {
  const list = Array.from(numbers, (number, i) => stringIds?.[i] ?? number);
  const offsets = 'offsets' in rest ? { offsets: Array.from(rest.offsets) } : {};
  return { ...rest, ...offsets, ids: list, scores: Array.from(scores) };
}

/** Everything a client can ask for. The OpenAPI document and the validation are made from this list. */
const ROUTES: readonly Route[] = [
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
    progress: true,
    run: (database, body, options) => database.replaceWhere(body.filter!, rowsOf(body, database.dimension), options),
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
    properties: { vector, ...searchProperties, ...refineProperties },
    required: ['vector'],
    result: hits,
    run: (database, body, { signal }) => search(database, body.vector!, searchOptions(body, signal)),
  },
  {
    ...DEFAULTS,
    name: 'searchText',
    method: 'search',
    summary: 'The k best items for a text, alone or together with a vector.',
    vectors: 'vector',
    properties: { text: { type: 'string' }, vector, ...textProperties, ...searchProperties, ...pageProperties },
    required: ['text'],
    result: hits,
    run: (database, { text, vector: floats, fusion, fields, k1, b, highlight, ...rest }, { signal }) => {
      const query = { text, vector: floats, fusion, fields, k1, b, highlight } as TextQuery;
      return search(database, query, searchOptions(rest, signal));
    },
  },
  {
    ...DEFAULTS,
    name: 'batchSearch',
    summary: 'Many searches with the same options; result i belongs to query i.',
    vectors: 'vectors',
    properties: { vectors, ...searchProperties },
    required: ['vectors'],
    result: { type: 'array', items: hits },
    run: (database, body, { signal }) => database.batchSearch(body.vectors!, searchOptions(body, signal)),
  },
  {
    ...DEFAULTS,
    name: 'searchLike',
    summary: 'The k items nearest to stored ones, best first.',
    method: 'searchRaw',
    properties: { positive: ids, negative: ids, ...searchProperties, ...refineProperties },
    required: ['positive'],
    result: hits,
    run: (database, body, { signal }) => {
      const query = { positive: body.positive as Id[], negative: (body.negative ?? []) as Id[] };
      return search(database, query, searchOptions(body, signal));
    },
  },
  {
    ...DEFAULTS,
    name: 'searchRaw',
    summary: 'The k nearest items as flat lists, with the version of the index that answered.',
    vectors: 'vector',
    properties: { vector, ...searchProperties },
    required: ['vector'],
    result: {
      type: 'object',
      properties: { count, ...rawHits, metadataJson: { type: 'string' }, indexVersion: count },
      required: ['count', 'ids', 'scores', 'indexVersion'],
    },
    run: async (database, body, { signal }) =>
      rawAnswer(await database.searchRaw!(body.vector!, searchOptions(body, signal))),
  },
  {
    ...DEFAULTS,
    name: 'batchSearchRaw',
    summary: 'Many searches as flat lists: the hits of query q stand at [offsets[q], offsets[q + 1]).',
    vectors: 'vectors',
    properties: { vectors, ...searchProperties },
    required: ['vectors'],
    result: {
      type: 'object',
      properties: {
        offsets: { type: 'array', items: count },
        ...rawHits,
        metadataJson: { type: 'array', items: { type: 'string' } },
      },
      required: ['offsets', 'ids', 'scores'],
    },
    run: async (database, body, { signal }) =>
      rawAnswer(await database.batchSearchRaw!(body.vectors!, searchOptions(body, signal))),
  },
  {
    ...DEFAULTS,
    name: 'iterate',
    summary: 'Every matching item of one snapshot, page after page as the client reads.',
    properties: { filter, limit: count, offset: count, orderBy, select, includeVector, pageSize: count },
    result: { type: 'array', items: item },
    run: () => Promise.resolve(),
    stream: (database, { filter: where, ...options }) => database.iterate!(where, options as IterateOptions),
  },
  {
    ...DEFAULTS,
    name: 'findDuplicates',
    summary: 'Groups of items within a radius of each other.',
    long: true,
    progress: true,
    properties: {
      radius: { type: 'number' },
      filter,
      neighbors: { type: 'integer', minimum: 1 },
      recall: { type: 'number' },
      exact: searchProperties.exact,
    },
    required: ['radius'],
    result: { type: 'array', items: ids },
    run: (database, body, options) => database.findDuplicates!({ ...body, ...options } as unknown as DuplicateOptions),
  },
  {
    ...DEFAULTS,
    name: 'refresh',
    summary: 'Shows what the writer of a folder opened with readOnly has done since; whether there was something.',
    result: { type: 'boolean' },
    run: (database) => database.refresh!(),
  },
  {
    ...DEFAULTS,
    name: 'verify',
    summary: 'Reads every stored checksum and checks the index; damage is an error.',
    long: true,
    progress: true,
    run: (database, _body, options) => database.verify!(options),
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

/** The routes for what a database can do. */
export function routesOf(database: ServedDatabase): readonly Route[] {
  return ROUTES.filter(({ name, method }) => typeof database[method ?? (name as keyof ServedDatabase)] === 'function');
}
