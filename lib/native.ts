import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromNative, SageDBError } from './errors.js';
import type { SearchExplanation } from './types.js';

/** What the addon gives back for work in flight; opaque. */
export type NativeTask = { readonly __task: unique symbol };
/** One state of a database, for searches that shall agree. */
export type NativeView = { readonly __view: unique symbol };
/** A walk over the items of one snapshot; freed when it is collected. */
export type NativeCursor = { readonly __cursor: unique symbol };
export type NativeItems = { readonly __items: unique symbol };

export interface NativeSpace {
  name: string;
  dimension: number;
  metric: string;
}

export interface NativeOptions {
  dimension: number;
  /** Named ones; empty: one space of this dimension and metric. */
  spaces: (NativeSpace & { openMetric: boolean })[];
  metric: string;
  vectors: string;
  indexType: string;
  M: number;
  efConstruction: number;
  quantization: string;
  rebuildThreshold: number;
  threads: number;
  path: string;
  durability: string;
  readOnly: boolean;
  checkBlocks: boolean;
  hotMemory?: number | undefined;
  /** Left open: what an existing path has stored. A dimension of 0 is left open, too. */
  openMetric: boolean;
  openVectors: boolean;
  openIndex: boolean;
  openM: boolean;
  textFields: string[];
  openTextFields: boolean;
}

/** `error` is an Error whose `code` is one of the closed set. */
export type NativeError = Error & { code: string };

/**
 * buffer: ids (f64 × hits), scores (f32 × hits), counts (u32 × queries), with named spaces which of them the vectors are of (u32 × hits),
 * vectors (f32, of the queries that asked for them).
 * errors: query, error, query, error, …
 */
export type NativeSearchResult = [
  /** undefined: the numbers stand in the answer buffer. */
  buffer: ArrayBuffer | undefined,
  hits: number,
  version: number,
  texts: (string | undefined)[] | undefined,
  strings: string[] | undefined,
  errors: (number | NativeError)[] | undefined,
];

/** One detailed search: its hits, where the words stand in them, how it was answered. */
export type NativeDetails = [
  found: NativeSearchResult,
  highlights: Uint32Array,
  explain: SearchExplanation | undefined,
];

export interface NativeItemPiece {
  ids: Float64Array;
  strings: string[] | undefined;
  metadata: string;
  vectors: Float32Array;
  /** With named spaces: which of them the vectors of each item are of. */
  spaces?: Uint32Array;
}

export interface NativeSpaceStats {
  rows: number;
  vectorBytes: number;
  codeBytes: number;
  indexBytes: number;
  calibratedRows: number;
  calibratedQueries: number;
  recallCurve: Float64Array;
}

export interface NativeStats {
  [name: string]: number | string | boolean | Float64Array | NativeSpaceStats[];
}

export interface NativeWriteGroup {
  begin(kind: number, count: number, filter?: string, task?: NativeTask, floats?: number): void;
  extend(
    vectors: Float32Array | undefined,
    ids: Float64Array | readonly (string | number)[] | undefined,
    metadata?: string[],
    given?: Uint32Array,
  ): void;
  pop(): void;
}

type Filters = (string | undefined)[] | undefined;
type Tasks = (NativeTask | undefined)[] | undefined;

export interface NativeDatabase {
  search(
    queries: Float32Array,
    count: number,
    params: Float64Array,
    filters: Filters,
    tasks: Tasks,
    callback: (error: NativeError | null, ...result: NativeSearchResult | []) => void,
    costly: boolean,
    /** The callback reads the answer before it returns: the numbers may come in the answer buffer. */
    atOnce: boolean,
    view?: NativeView,
  ): void;
  /** What several searches see together. Keeps replaced indexes in memory until `releaseView`. */
  view(): NativeView;
  searchSync(
    queries: Float32Array,
    count: number,
    params: Float64Array,
    filters: Filters,
    tasks: Tasks,
  ): NativeSearchResult | undefined;
  searchDetailed(
    request: {
      vector: Float32Array | undefined;
      /** In place of the vector: several, and 0 (ranks) or 1 (weights) with the space and weight of each. */
      parts: Float32Array | undefined;
      fusion: Float64Array | undefined;
      params: Float64Array;
      filter: string | undefined;
      text: string | undefined;
      model: Float64Array | undefined;
      explain: boolean;
      task: NativeTask | undefined;
    },
    callback: (
      error: NativeError | null,
      ...answer: [...NativeSearchResult, highlights: Uint32Array, explain: SearchExplanation | undefined]
    ) => void,
    costly: boolean,
  ): void;
  textFields(): string[];
  /** False while the words of what an open found are read in the background; `waitForText` calls back when they are. */
  textReady(): boolean;
  waitForText(task: NativeTask, callback: (error: NativeError | null) => void): void;
  get(
    ids: readonly (string | number)[],
    includeVector: boolean,
    callback: (error: NativeError | null, found: Uint8Array, items: NativeItems, pieces: number) => void,
  ): void;
  has(ids: readonly (string | number)[], callback: (error: NativeError | null, found: Uint8Array) => void): void;
  count(filter: string | undefined, callback: (error: NativeError | null, count: number) => void): void;
  find(
    filter: string | undefined,
    limit: number,
    offset: number,
    order: readonly string[] | undefined,
    descending: readonly boolean[] | undefined,
    includeVector: boolean,
    callback: (error: NativeError | null, found: Uint8Array, items: NativeItems, pieces: number) => void,
  ): void;
  openCursor(
    filter: string | undefined,
    limit: number,
    offset: number,
    order: readonly string[] | undefined,
    descending: readonly boolean[] | undefined,
    callback: (error: NativeError | null, found: Uint8Array, cursor: NativeCursor) => void,
  ): void;
  next(
    cursor: NativeCursor,
    count: number,
    includeVector: boolean,
    callback: (error: NativeError | null, found: Uint8Array, items: NativeItems, pieces: number) => void,
  ): void;
  apply(
    groups: NativeWriteGroup[],
    callback: (
      error: NativeError | null,
      rows: Float64Array,
      hits: Uint8Array,
      errors: (number | NativeError)[] | undefined,
    ) => void,
  ): void;
  build(optimize: boolean, task: NativeTask, callback: (error: NativeError | null) => void): void;
  flush(callback: (error: NativeError | null) => void): void;
  refresh(callback: (error: NativeError | null, changed: boolean) => void): void;
  snapshot(dir: string, callback: (error: NativeError | null) => void): void;
  verify(task: NativeTask, callback: (error: NativeError | null) => void): void;
  /** Ends the threads of this object, too, unless they have something left to answer. */
  close(callback: (error: NativeError | null) => void): void;
  stats(): NativeStats;
  size(): number;
  indexVersion(): number;
  handle(): string;
  dimension(): number;
  metric(): string;
  spaces(): NativeSpace[];
}

export interface NativeAddon {
  open(options: NativeOptions, callback: (error: NativeError | null, database: NativeDatabase) => void): void;
  attach(handle: string): NativeDatabase;
  takeItems(items: NativeItems, piece: number): NativeItemPiece;
  closeCursor(cursor: NativeCursor): void;
  /** `places`: begin and end of each word. */
  textWords(text: string): { words: string[]; places: Uint32Array };
  releaseView(view: NativeView): void;
  /**
   * Where small answers stand until the next one: version (f64), ids (f64 × 4096), scores (f32 × 4096), counts (u32 × 256). An answer
   * that has nothing else is an empty list or undefined.
   */
  answerBuffer(): ArrayBuffer;
  createTask(): NativeTask;
  cancelTask(task: NativeTask): void;
  taskProgress(task: NativeTask): [done: number, total: number];
  createWriteGroup(): NativeWriteGroup;
  /** −1: good. i ≥ 0: component i is NaN or Infinity. −2 − r: row r is all zeros, and `refuseZero` was given. */
  checkRows(values: Float32Array, length: number, dimension: number, refuseZero: boolean): number;
  errorCodes(): string[];
  hardwareThreads(): number;
  /** Whether the two that follow can do something here. */
  canTurn(): boolean;
  /** The event loop does not sleep for so long, or until `stopTurning` was called as often. */
  keepTurning(milliseconds: number): void;
  stopTurning(): void;
  /** Bytes outside of the heap that V8 has been told about in this environment, by anyone. */
  reportedMemory(): number;
  /** `features`: the processor's; `kernels`: all that it runs, best first. */
  buildInfo(): { compiler: string; parallel: string; features: string[]; chosenKernels: string; kernels: string[] };
}

const require = createRequire(import.meta.url);
/** Both lib/ and dist/ lie directly in the package. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));
let addon: NativeAddon | undefined;

/** The addon, loaded at first use so that importing this package never fails. Throws `UNAVAILABLE`. */
export function native(): NativeAddon {
  addon ??= load();
  return addon;
}

export function openNative(options: NativeOptions): Promise<NativeDatabase> {
  return new Promise((resolve, reject) => {
    native().open(options, (error, database) => (error ? reject(fromNative(error)) : resolve(database)));
  });
}

export function attachNative(handle: string): NativeDatabase {
  try {
    return native().attach(handle);
  } catch (error) {
    throw fromNative(error as NativeError);
  }
}

type Loader = ((folder: string) => NativeAddon) & { path(folder: string): string };

/** The file of the addon that is loaded. */
export function nativePath(): string {
  return (require('node-gyp-build') as Loader).path(packageRoot);
}

function load(): NativeAddon {
  // A shared OpenMP run time reads this when it is loaded, before any code of the addon can run; see cpp/binding/addon.cpp.
  const policy = process.env.OMP_WAIT_POLICY;
  if (policy === undefined) process.env.OMP_WAIT_POLICY = 'PASSIVE';
  try {
    return (require('node-gyp-build') as Loader)(packageRoot);
  } catch (cause) {
    throw new SageDBError('UNAVAILABLE', explain(cause), { cause });
  } finally {
    if (policy === undefined) delete process.env.OMP_WAIT_POLICY;
  }
}

function explain(cause: unknown): string {
  const platform = `${process.platform}-${process.arch}, Node ${process.versions.node}`;
  const built = join(packageRoot, 'build', 'Release');
  const prebuilt = join(packageRoot, 'prebuilds');
  const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  const candidates = [...binaries(built), ...binaries(prebuilt)];
  if (candidates.length > 0) {
    return `the native addon was found but cannot be loaded on ${platform}: ${reason}. Found: ${candidates.join(', ')}. Build it for this machine with \`npx sagedb build\`.`;
  }
  return (
    `there is no native addon for ${platform}: neither a build in ${built} nor a prebuild in ${prebuilt}. ` +
    'Was its install script not allowed to run, or was it copied from another platform? ' +
    'Run `npx sagedb build` (needs cmake, make and a C++17 compiler).'
  );
}

function binaries(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.node'))
    .map((name) => join(folder, name));
}
