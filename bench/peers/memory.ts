import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of this process now and at its peak since resetPeak(), in bytes. Peak is 0 where the system does not tell. */
export function memory(): { resident: number; peak: number } {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
    return { resident: field('VmRSS'), peak: field('VmHWM') };
  } catch {
    return { resident: process.memoryUsage().rss, peak: 0 };
  }
}

/** Linux forgets the peak on request. */
export function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Elsewhere the peak of the whole life is reported.
  }
}
