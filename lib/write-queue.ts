import { onAbort } from './abort.js';
import { abortedError, fromNative, type SageDBError } from './errors.js';
import { type NativeDatabase, type NativeError, type NativeTask, type NativeWriteGroup, native } from './native.js';
import { atEndOfTurn } from './turn.js';
import { Wakefulness } from './wakefulness.js';

/** The values of WriteOp::Kind in cpp/engine/sage_db.h. */
export const WRITE = { add: 0, upsert: 1, update: 2, remove: 3, removeWhere: 4, replaceWhere: 5 } as const;
export type WriteKind = (typeof WRITE)[keyof typeof WRITE];

/** Operations in one group commit: later ones wait for the next. */
const MAX_GROUP = 1024;

/** What the engine says about one operation. `hits`: for each id of an update or removal, 1 when it existed. */
export interface Outcome {
  firstAssigned: number;
  affected: number;
  hits: Uint8Array;
}

interface Op {
  /** Ids of an update or removal: how many entries of `hits` are its own. */
  hits: number;
  settle: (outcome: Outcome) => void;
  fail: (error: SageDBError) => void;
}

/** Operations that go to the engine together. */
interface Segment {
  group: NativeWriteGroup;
  ops: Op[];
  /** False while a bulk load is still being copied: what follows waits, because order is kept. */
  ready: boolean;
  /** Nothing may join. */
  sealed: boolean;
}

export interface OpHeader {
  kind: WriteKind;
  count: number;
  filter?: string | undefined;
}

/**
 * The writes of one database object, in the order of the calls. At most one group is with the engine; what is called meanwhile
 * becomes the next group commit.
 */
export class WriteQueue {
  readonly #database: NativeDatabase;
  #segments: Segment[] = [];
  #scheduled = false;
  #busy = false;
  /** With calls that are not settled. */
  readonly #unsettled = new Set<Segment>();
  /** Who waits for the segments of the moment of the call. */
  #waiting: { left: Set<Segment>; resolve: () => void }[] = [];
  readonly #wakefulness = new Wakefulness();

  constructor(database: NativeDatabase) {
    this.#database = database;
  }

  /** One small operation: `fill` appends its rows or ids, all of it copied before this returns. */
  submit<T>(header: OpHeader, fill: (group: NativeWriteGroup) => void, settle: (outcome: Outcome) => T): Promise<T> {
    const segment = this.#openSegment();
    segment.group.begin(header.kind, header.count, header.filter);
    try {
      fill(segment.group);
    } catch (error) {
      segment.group.pop();
      throw error;
    }
    const promise = this.#enlist(segment, header, settle);
    this.#schedule();
    return promise;
  }

  /**
   * A bulk load: takes its place in the order now, is filled over several turns, and holds up what follows until it is complete or has
   * failed. `fill` must reject for nothing to happen.
   */
  submitBulk<T>(
    header: OpHeader & { floats: number },
    signal: AbortSignal | undefined,
    fill: (group: NativeWriteGroup) => Promise<void>,
    settle: (outcome: Outcome) => T,
  ): Promise<T> {
    const group = native().createWriteGroup();
    const task: NativeTask | undefined = signal && native().createTask();
    group.begin(header.kind, header.count, header.filter, task, header.floats);
    const segment: Segment = { group, ops: [], ready: false, sealed: true };
    this.#segments.push(segment);
    const promise = this.#enlist(segment, header, settle);
    const op = segment.ops[0] as Op;
    const { fail } = op;
    op.fail = (error) => fail(error.code === 'ABORTED' && signal?.aborted ? abortedError(signal) : error);

    const withdraw = (error: SageDBError) => {
      group.pop();
      this.#segments = this.#segments.filter((other) => other !== segment);
      op.fail(error);
      this.#over([segment]);
      this.#schedule();
    };
    const stop = onAbort(signal, () => {
      native().cancelTask(task as NativeTask);
      // With the engine already: it decides whether the abort came before the commit.
      if (this.#segments.includes(segment)) withdraw(abortedError(signal as AbortSignal));
    });
    promise.then(stop, stop);
    fill(group).then(
      () => {
        segment.ready = true;
        this.#schedule();
      },
      (error: Error) => {
        if (this.#segments.includes(segment)) withdraw(fromNative(error));
      },
    );
    return promise;
  }

  #openSegment(): Segment {
    const last = this.#segments.at(-1);
    if (last && !last.sealed && last.ops.length < MAX_GROUP) return last;
    const segment: Segment = { group: native().createWriteGroup(), ops: [], ready: true, sealed: false };
    this.#segments.push(segment);
    return segment;
  }

  #enlist<T>(segment: Segment, header: OpHeader, settle: (outcome: Outcome) => T): Promise<T> {
    this.#unsettled.add(segment);
    const hits = header.kind === WRITE.update || header.kind === WRITE.remove ? header.count : 0;
    return new Promise<T>((resolve, reject) => {
      segment.ops.push({ hits, settle: (outcome) => resolve(settle(outcome)), fail: reject });
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#busy) return;
    this.#scheduled = true;
    atEndOfTurn(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#busy) return;
    const segments: Segment[] = [];
    let total = 0;
    while (this.#segments[0]?.ready && total < MAX_GROUP) {
      const segment = this.#segments.shift() as Segment;
      total += segment.ops.length;
      segments.push(segment);
    }
    const ops = segments.flatMap((segment) => segment.ops);
    if (ops.length === 0) return;
    this.#busy = true;
    const lone = ops.length === 1 && this.#segments.length === 0;
    try {
      this.#database.apply(
        segments.map((segment) => segment.group),
        (error, rows, hits, errors) => {
          this.#busy = false;
          if (lone) this.#wakefulness.end();
          this.#settle(ops, error, rows, hits, errors);
          this.#over(segments);
          this.#pump();
        },
      );
      if (lone) this.#wakefulness.begin();
    } catch (error) {
      this.#busy = false;
      for (const op of ops) op.fail(fromNative(error as Error));
      this.#over(segments);
      this.#schedule();
    }
  }

  #settle(
    ops: Op[],
    error: NativeError | null,
    rows: Float64Array,
    hits: Uint8Array,
    errors: (number | NativeError)[] | undefined,
  ): void {
    if (error) {
      for (const op of ops) op.fail(fromNative(error));
      return;
    }
    const failures = new Map<number, NativeError>();
    for (let i = 0; errors && i < errors.length; i += 2)
      failures.set(errors[i] as number, errors[i + 1] as NativeError);
    let hit = 0;
    for (const [i, op] of ops.entries()) {
      const failure = failures.get(i);
      if (failure) {
        op.fail(fromNative(failure));
        continue;
      }
      const end = hit + op.hits;
      op.settle({
        firstAssigned: rows[i * 3 + 1] as number,
        affected: rows[i * 3 + 2] as number,
        hits: hits.subarray(hit, end),
      });
      hit = end;
    }
  }

  #over(segments: readonly Segment[]): void {
    for (const segment of segments) {
      this.#unsettled.delete(segment);
      for (const { left } of this.#waiting) left.delete(segment);
    }
    const done = this.#waiting.filter(({ left }) => left.size === 0);
    if (done.length === 0) return;
    this.#waiting = this.#waiting.filter(({ left }) => left.size > 0);
    for (const { resolve } of done) resolve();
  }

  /** Resolves when every write made so far is settled, whatever has been called since. */
  drained(): Promise<void> {
    if (this.#unsettled.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ left: new Set(this.#unsettled), resolve }));
  }
}
