import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isPromiseLike, toChunk } from './item.js';

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** What a source tells its job. */
export interface SourceEvents {
  /** The iterator threw. The items before are on their way. */
  failed(error: unknown): void;
  /** An item that came after the source was stopped: it goes nowhere else. */
  late(item: unknown): void;
}

/**
 * Reads an iterator as fast as the first stage takes its items. `finish` ends the stream early: what has been read goes on its
 * way, and an item that the iterator is still making is waited for.
 */
export class SourceStream extends Readable {
  /** Items read from the iterator. */
  count = 0;
  readonly #iterator: AnyIterator;
  readonly #events: SourceEvents;
  #reading: Promise<void> | undefined;
  #finishing = false;
  #ended = false;

  constructor(items: Iterable<unknown> | AsyncIterable<unknown>, events: SourceEvents, buffer: number) {
    super({ objectMode: true, highWaterMark: buffer });
    this.#iterator =
      Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : (items as Iterable<unknown>)[Symbol.iterator]();
    this.#events = events;
  }

  override _read(): void {
    if (this.#reading === undefined && !this.#finishing) this.#pull();
  }

  /** Stops reading. Waits at most `graceMs` for an item that is being made; if it comes later it is reported as late. */
  async finish(graceMs: number): Promise<void> {
    if (this.#finishing) return;
    this.#finishing = true;
    const reading = this.#reading;
    if (reading !== undefined) {
      const timer = new AbortController();
      await Promise.race([reading, sleep(graceMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
    }
    if (this.#ended) return;
    this.#end();
    // Not awaited: a generator that waits for its next item cannot return before it has it.
    try {
      await this.#iterator.return?.();
    } catch (error) {
      this.#events.failed(error);
    }
  }

  /** Pushes until the buffer is full. Plain iterators never leave this loop for a promise. */
  #pull(): void {
    try {
      while (!this.#finishing) {
        const step = this.#iterator.next();
        if (isPromiseLike(step)) {
          this.#reading = Promise.resolve(step).then(
            (result) => this.#arrived(result as IteratorResult<unknown>),
            (error: unknown) => this.#fail(error),
          );
          return;
        }
        if (!this.#accept(step as IteratorResult<unknown>)) return;
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #arrived(result: IteratorResult<unknown>): void {
    this.#reading = undefined;
    if (this.#accept(result) && !this.#finishing) this.#pull();
  }

  /** Takes one step of the iterator; says whether there is room for another. */
  #accept(result: IteratorResult<unknown>): boolean {
    if (result.done === true) {
      this.#end();
      return false;
    }
    this.count++;
    if (this.#ended) {
      this.#events.late(result.value);
      return false;
    }
    return this.push(toChunk(result.value));
  }

  #fail(error: unknown): void {
    this.#reading = undefined;
    this.#events.failed(error);
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.push(null);
  }
}
