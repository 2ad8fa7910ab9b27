import { Duplex } from 'node:stream';
import { fromChunk, isPromiseLike, toChunk } from './item.js';
import { abortError, NOTHING, type StageRunner } from './stage-runner.js';

/** Elements that one item or batch became. */
interface Expansion {
  item: unknown;
  elements: Iterator<unknown>;
  /** User code makes the elements and may never stop. */
  endless: boolean;
}

/** One item's way through the stage: done when `output` is what leaves it. */
interface Slot {
  done: boolean;
  output: unknown;
}

/**
 * A stage as a stream: runs `concurrency` items at the same time, holds as many results at most until the next stage takes them,
 * and lets them go in the order of their items (or as they come). Node's streams do the rest of the back-pressure.
 */
export class StageStream extends Duplex {
  readonly #runner: StageRunner;
  /** Results in the order in which they leave; of an ordered stage also the places of those to come. */
  readonly #window: Slot[] = [];
  #running = 0;
  #blocked = false;
  /** Elements that leave one by one; the next stage has enough for now. */
  #open: Expansion | undefined;
  #takeNext: (() => void) | undefined;
  #finished: (() => void) | undefined;

  constructor(runner: StageRunner, buffer: { readonly in: number; readonly out: number }) {
    super({ objectMode: true, writableHighWaterMark: buffer.in, readableHighWaterMark: buffer.out });
    this.#runner = runner;
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, callback: () => void): void {
    this.#takeNext = callback;
    const output = this.#runner.run(fromChunk(chunk));
    if (isPromiseLike(output)) {
      this.#take(output);
    } else if (this.#window.length === 0 && this.#open === undefined && !this.#blocked) {
      this.#emit(output);
    } else {
      this.#window.push({ done: true, output });
      this.#drain();
    }
    this.#next();
  }

  override _read(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#drain();
    this.#next();
  }

  override _final(callback: () => void): void {
    this.#finished = callback;
    this.#next();
  }

  #take(pending: PromiseLike<unknown>): void {
    const { ordered } = this.#runner.options;
    const slot: Slot = { done: false, output: undefined };
    this.#running++;
    if (ordered) this.#window.push(slot);
    pending.then((output) => {
      this.#running--;
      slot.done = true;
      slot.output = output;
      if (!ordered) this.#window.push(slot);
      // The next call starts before these results leave: the function does not wait for the stages behind it.
      this.#next();
      this.#drain();
      this.#next();
    });
  }

  /** Lets results go until the next stage has enough or the next result is not there yet. */
  #drain(): void {
    if (this.#open !== undefined && !this.#blocked) this.#iterate(this.#open);
    while (!this.#blocked && this.#window[0]?.done === true) this.#emit(this.#window.shift()!.output);
  }

  #emit(output: unknown): void {
    if (output === NOTHING) return;
    switch (this.#runner.stats.kind) {
      case 'batch':
        this.#iterate({ item: undefined, elements: (output as unknown[]).values(), endless: false });
        break;
      case 'flatMap': {
        const [item, iterable] = output as [unknown, Iterable<unknown>];
        this.#iterate({ item, elements: iterable[Symbol.iterator](), endless: true });
        break;
      }
      default:
        this.#push(output);
    }
  }

  #iterate(expansion: Expansion): void {
    this.#open = undefined;
    const { item, elements, endless } = expansion;
    try {
      while (!this.#blocked) {
        if (endless && this.#runner.aborted) throw abortError();
        const { done, value } = elements.next();
        if (done === true) return;
        this.#push(value);
      }
      this.#open = expansion;
    } catch (error) {
      // Elements that have left cannot be called back: what is reported is that the item did not come to its end.
      this.#take(this.#runner.fail(item, error, 1));
    }
  }

  #push(item: unknown): void {
    this.#runner.stats.out++;
    if (!this.push(toChunk(item))) this.#blocked = true;
  }

  /** Takes the next item, or ends the stream, when there is room. */
  #next(): void {
    if (this.#takeNext !== undefined && this.#hasRoom()) {
      const take = this.#takeNext;
      this.#takeNext = undefined;
      take();
    } else if (this.#finished !== undefined && this.#running === 0 && this.#window.length === 0 && !this.#open) {
      const finished = this.#finished;
      this.#finished = undefined;
      this.push(null);
      finished();
    }
  }

  /** Results that cannot leave yet may be as many as the calls that run. */
  #hasRoom(): boolean {
    const { concurrency, ordered } = this.#runner.options;
    const held = ordered ? this.#window.length : this.#window.length + this.#running;
    return this.#running < concurrency && held < 2 * concurrency;
  }
}
