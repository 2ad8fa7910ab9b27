import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** The first SIGINT or SIGTERM asks the work at hand to end, so that it removes what it has written; a second one ends the process as ever. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  #by: NodeJS.Signals | undefined;

  constructor() {
    for (const name of SIGNALS) process.once(name, this.#interrupt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What a shell says of a process that such a signal ended; undefined when none came. */
  get exitCode(): number | undefined {
    return this.#by && 128 + constants.signals[this.#by];
  }

  readonly #interrupt = (name: NodeJS.Signals) => {
    this.#by = name;
    this[Symbol.dispose]();
    this.#controller.abort();
  };

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#interrupt);
  }
}
