/**
 * A first-in-first-out queue in front of a fixed number of slots. A started task keeps its slot until it calls `release`,
 * also when its caller has given up: the bound protects the services, not the callers.
 */
export class CallQueue<Task extends { readonly settled: boolean }> {
  readonly limit: number;
  readonly #start: (task: Task) => void;
  #waiting: (Task | undefined)[] = [];
  #head = 0;
  #cancelled = 0;
  #running = 0;

  constructor(limit: number, start: (task: Task) => void) {
    this.limit = limit;
    this.#start = start;
  }

  get running(): number {
    return this.#running;
  }

  /** Tasks that wait for a slot; cancelled ones do not count. */
  get queued(): number {
    return this.#waiting.length - this.#head - this.#cancelled;
  }

  push(task: Task): void {
    if (this.#running < this.limit) {
      this.#running++;
      this.#start(task);
    } else {
      this.#waiting.push(task);
    }
  }

  /** Says that a waiting task was settled by someone else; it is skipped when its turn comes. */
  cancelled(): void {
    this.#cancelled++;
    // A caller that retries with short timeouts against stuck services must not grow the queue without bound.
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#waiting.length - this.#head) {
      this.#waiting = this.#waiting.slice(this.#head).filter((task) => task?.settled === false);
      this.#head = 0;
      this.#cancelled = 0;
    }
  }

  /** Gives a slot back and starts the next waiting task. */
  release(): void {
    const next = this.#shift();
    if (next === undefined) this.#running--;
    else this.#start(next);
  }

  #shift(): Task | undefined {
    while (this.#head < this.#waiting.length) {
      const task = this.#waiting[this.#head];
      this.#waiting[this.#head++] = undefined;
      if (task?.settled === false) {
        this.#compact();
        return task;
      }
      this.#cancelled--;
    }
    this.#waiting = [];
    this.#head = 0;
    return undefined;
  }

  #compact(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }
}
