import { onAbort } from './abort.js';
import { abortedError, fromNative } from './errors.js';
import { type NativeError, type NativeTask, native } from './native.js';
import type { LongOptions } from './types.js';

const PROGRESS_MILLISECONDS = 50;

/** Runs a job of the addon that can be aborted and reports its progress. */
export function runLong(
  task: NativeTask,
  { signal, onProgress }: LongOptions,
  start: (done: (error: NativeError | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let callbackError: { error: unknown } | undefined;
    let seen = -1;
    const report = (finished: boolean) => {
      let [done, total] = native().taskProgress(task);
      if (finished) done = total = Math.max(done, total);
      if (callbackError || !onProgress || (done <= seen && !finished)) return;
      seen = done;
      try {
        onProgress({ done, total: Math.max(done, total) });
      } catch (error) {
        callbackError = { error };
        native().cancelTask(task);
      }
    };
    const stop = onAbort(signal, () => native().cancelTask(task));
    const timer = onProgress && setInterval(report, PROGRESS_MILLISECONDS, false).unref();
    const finish = (error: NativeError | null) => {
      clearInterval(timer);
      stop();
      if (!error) report(true);
      if (callbackError) reject(callbackError.error);
      else if (!error) resolve();
      else reject(error.code === 'ABORTED' && signal?.aborted ? abortedError(signal) : fromNative(error));
    };
    try {
      start(finish);
    } catch (error) {
      finish(error as NativeError);
    }
  });
}
