import { setImmediate } from 'node:timers';
import { hardwareThreads } from './hardware.js';
import { native } from './native.js';

/** Makes the event loop turn instead of falling asleep. Every `start()` is followed by more of them or by one `stop()`. */
export interface LoopTurning {
  /** For so long at most. */
  start(milliseconds: number): void;
  stop(): void;
}

/** By a handle of libuv: the loop looks for events instead of waiting for them, and nothing else runs. */
class HandleTurning implements LoopTurning {
  #holding = false;

  start(milliseconds: number): void {
    if (this.#holding) native().stopTurning();
    native().keepTurning(milliseconds);
    this.#holding = true;
  }

  stop(): void {
    if (this.#holding) native().stopTurning();
    this.#holding = false;
  }
}

/** By a callback per turn, in runtimes without libuv. */
export class ImmediateTurning implements LoopTurning {
  readonly #now: () => number;
  readonly #nextTurn: (run: () => void) => void;
  #end = 0;
  #turning = false;

  constructor(now = () => performance.now(), nextTurn: (run: () => void) => void = setImmediate) {
    this.#now = now;
    this.#nextTurn = nextTurn;
  }

  start(milliseconds: number): void {
    this.#end = this.#now() + milliseconds;
    if (this.#turning) return;
    this.#turning = true;
    this.#nextTurn(this.#turn);
  }

  stop(): void {
    this.#end = 0;
  }

  readonly #turn = (): void => {
    this.#turning = this.#now() < this.#end;
    if (this.#turning) this.#nextTurn(this.#turn);
  };
}

function turningHere(): LoopTurning {
  return native().canTurn() ? new HandleTurning() : new ImmediateTurning();
}

/**
 * Keeps the event loop awake while an answer is expected within microseconds: waking a sleeping processor takes longer than such a
 * search. Whatever else is ready runs as ever. Not where the only processor is needed for the work itself, and not when answers take so
 * long that waking up does not matter.
 */
export class Wakefulness {
  static readonly LONGEST_MILLISECONDS = 1;
  readonly #worthwhile: boolean;
  readonly #now: () => number;
  readonly #turning: LoopTurning;
  /** Time from question to answer, averaged over the last few. */
  #usual = 0;
  #asked = 0;

  constructor(processors = hardwareThreads(), now = () => performance.now(), turning = turningHere()) {
    this.#worthwhile = processors > 1;
    this.#now = now;
    this.#turning = turning;
  }

  /** A question was asked, and nothing else is under way. */
  begin(): void {
    this.#asked = this.#now();
    if (this.#worthwhile && this.#usual <= Wakefulness.LONGEST_MILLISECONDS)
      this.#turning.start(Wakefulness.LONGEST_MILLISECONDS);
  }

  /** It was answered. */
  end(): void {
    // One answer that was held up by something else says little about the next.
    const taken = Math.min(this.#now() - this.#asked, 2 * Wakefulness.LONGEST_MILLISECONDS);
    this.#usual += (taken - this.#usual) / 8;
    this.#turning.stop();
  }
}
