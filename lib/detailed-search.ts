// Searches that go to the engine one by one: by text, hybrid, explained.
import { onAbort } from './abort.js';
import { abortedError, fromNative } from './errors.js';
import { bulkLane, searchLane } from './lanes.js';
import { type NativeDatabase, type NativeDetails, type NativeTask, native } from './native.js';
import { valueAt } from './paths.js';
import { type Row, SearchReader } from './results.js';
import { isCostly, PARAMS, type SearchSpec, writeParams } from './search-options.js';
import type { Layout } from './spaces.js';
import type { TextPart, VectorsPart } from './text-query.js';
import type { Highlight, SearchExplanation } from './types.js';

/** What is asked for beyond the k nearest of a vector. */
export interface Details {
  text: TextPart | undefined;
  /** In place of the vector. */
  vectors: VectorsPart | undefined;
  explain: boolean;
}

export type ExplainedRows = Row[] & { explain?: SearchExplanation };

const NO_ELEMENT = 0xffffffff;

export class DetailedSearches {
  readonly #database: NativeDatabase;
  readonly #layout: Layout;
  readonly #fields: readonly string[];
  readonly #open = new Set<Promise<unknown>>();
  #reading: { promise: Promise<void>; task: NativeTask } | undefined;

  constructor(database: NativeDatabase, layout: Layout, fields: readonly string[]) {
    this.#database = database;
    this.#layout = layout;
    this.#fields = fields;
  }

  /** `vector` is a checked copy, or undefined for a search by text alone. */
  one(vector: Float32Array | undefined, spec: SearchSpec, details: Details): Promise<ExplainedRows> {
    if (spec.signal?.aborted) throw abortedError(spec.signal);
    const search = this.#run(vector, spec, details);
    this.#open.add(search);
    const forget = () => this.#open.delete(search);
    search.then(forget, forget);
    return search;
  }

  /** Resolves when every search made so far is settled. */
  async drained(): Promise<void> {
    await Promise.allSettled(this.#open);
    if (!this.#reading) return;
    // For a search that was aborted: nobody waits for the texts.
    native().cancelTask(this.#reading.task);
    await Promise.allSettled([this.#reading.promise]);
  }

  async #run(vector: Float32Array | undefined, spec: SearchSpec, details: Details): Promise<ExplainedRows> {
    const highlight = details.text?.highlight === true;
    const read = { ...spec, metadata: spec.metadata || highlight };
    const { signal } = spec;
    const task = signal && native().createTask();
    const params = new Float64Array(PARAMS);
    writeParams(read, params, 0);
    const { text, model } = details.text ?? {};
    const { parts, fusion } = details.vectors ?? {};
    const request = { vector, parts, fusion, params, filter: spec.filter, text, model, explain: details.explain, task };
    let stop = () => {};
    const aborted = new Promise<never>((_, reject) => {
      stop = onAbort(signal, () => {
        if (task) native().cancelTask(task);
        reject(abortedError(signal!));
      });
    });
    try {
      const [found, highlights, explain] = await Promise.race([aborted, this.#ask(request, isCostly(spec))]);
      const reader = new SearchReader(found, 1, this.#layout);
      const failure = reader.takeError(read);
      if (failure) throw failure;
      const rows: ExplainedRows = reader.rows(read);
      if (highlight) addHighlights(rows, highlights, this.#fields);
      if (!spec.metadata) for (const row of rows) delete row.metadata;
      if (explain) rows.explain = explain;
      return rows;
    } finally {
      stop();
    }
  }

  /** Waits outside of the thread pool, which other searches and file reads need. */
  #textRead(): Promise<void> {
    this.#reading ??= this.#startReading();
    return this.#reading.promise;
  }

  #startReading() {
    const task = native().createTask();
    const promise = new Promise<void>((resolve, reject) => {
      this.#database.waitForText(task, (error) => (error ? reject(fromNative(error)) : resolve()));
    }).finally(() => {
      this.#reading = undefined;
    });
    return { promise, task };
  }

  async #ask(request: Parameters<NativeDatabase['searchDetailed']>[0], costly: boolean): Promise<NativeDetails> {
    if (request.text !== undefined && !this.#database.textReady()) await this.#textRead();
    const lane = costly ? bulkLane : searchLane;
    await lane.acquire();
    const answered = lane.stayAwake();
    try {
      return await new Promise<NativeDetails>((resolve, reject) => {
        this.#database.searchDetailed(
          request,
          (error, ...answer) => {
            if (error) return reject(error);
            const [buffer, hits, version, texts, strings, errors, highlights, explain] = answer;
            resolve([[buffer, hits, version, texts, strings, errors], highlights, explain]);
          },
          costly,
        );
      });
    } catch (error) {
      throw fromNative(error as Error);
    } finally {
      answered();
      lane.leave();
    }
  }
}

/** The numbers are those of SearchResult::highlights in cpp/engine/sage_db.h. */
function addHighlights(rows: Row[], numbers: Uint32Array, fields: readonly string[]): void {
  let at = 0;
  const next = () => numbers[at++] as number;
  for (const row of rows) {
    row.highlights = Array.from({ length: next() }, () => {
      const field = fields[next()] as string;
      const element = next();
      const [begin, end] = [next(), next()];
      const ranges = Array.from({ length: next() }, (): [number, number] => [next(), next()]);
      const value = valueAt(row.metadata as object, field);
      const text = (element === NO_ELEMENT ? value : (value as unknown[])[element]) as string;
      const inside = ranges.filter(([from, to]) => from >= begin && to <= end);
      const highlight: Highlight = {
        field,
        ranges,
        snippet: text.slice(begin, end),
        snippetRanges: inside.map(([from, to]) => [from - begin, to - begin]),
      };
      return element === NO_ELEMENT ? highlight : { ...highlight, element };
    });
  }
}
