import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `condition` holds: tests wait for what they need, never for an amount of time. */
export async function until(condition: () => boolean, timeoutMs = 120_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await sleep(1);
  }
}
