import { Transform } from 'node:stream';
import { fromChunk } from './item.js';

/** Gathers items into arrays of `size`; an incomplete array leaves `maxWaitMs` after its first item, and at the end. */
export class BatchStream extends Transform {
  readonly #size: number;
  readonly #maxWaitMs: number | undefined;
  #items: unknown[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(size: number, maxWaitMs: number | undefined, buffer: number) {
    super({ objectMode: true, writableHighWaterMark: buffer, readableHighWaterMark: 2 });
    this.#size = size;
    this.#maxWaitMs = maxWaitMs;
  }

  override _transform(chunk: unknown, _encoding: BufferEncoding, callback: () => void): void {
    this.#items.push(fromChunk(chunk));
    if (this.#items.length === this.#size) this.#emit();
    else if (this.#items.length === 1 && this.#maxWaitMs !== undefined) this.#arm(this.#maxWaitMs);
    callback();
  }

  override _flush(callback: () => void): void {
    this.#emit();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    callback(error);
  }

  #arm(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#emit(), milliseconds);
  }

  #emit(): void {
    clearTimeout(this.#timer);
    if (this.#items.length === 0) return;
    const batch = this.#items;
    this.#items = [];
    this.push(batch);
  }
}
