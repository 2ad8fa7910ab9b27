import { native } from './native.js';

/** Number of processors the engine may use in this process. */
export function hardwareThreads(): number {
  return native().hardwareThreads();
}
