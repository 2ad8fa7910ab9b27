import { count } from './output.js';

const BAR_WIDTH = 28;
const BAR_MILLISECONDS = 80;
const LINE_MILLISECONDS = 5000;

/** The part of a stream that this file needs. */
export type ProgressStream = { isTTY?: boolean; write(text: string): unknown };

/**
 * Shows how far long work is on standard error: a bar that moves on a terminal, a line every five seconds elsewhere. Work that ends
 * before the first line is due leaves no trace in a log.
 */
export class ProgressReport {
  readonly #label: string;
  readonly #stream: ProgressStream;
  readonly #quiet: boolean;
  readonly #started = performance.now();
  #next: number;
  #drawn = false;

  constructor(label: string, { quiet = false, stream = process.stderr as ProgressStream } = {}) {
    this.#label = label;
    this.#quiet = quiet;
    this.#stream = stream;
    this.#next = this.#started + (stream.isTTY ? 0 : LINE_MILLISECONDS);
  }

  /** `total` may be unknown; `unit` names what is counted. */
  update(done: number, total?: number, unit = ''): void {
    const now = performance.now();
    if (this.#quiet || now < this.#next) return;
    this.#next = now + (this.#stream.isTTY ? BAR_MILLISECONDS : LINE_MILLISECONDS);
    const text = this.#text(done, total, unit, now - this.#started);
    this.#stream.write(this.#stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
    this.#drawn = true;
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#drawn && this.#stream.isTTY) this.#stream.write('\r\x1b[K');
    this.#drawn = false;
  }

  #text(done: number, total: number | undefined, unit: string, elapsed: number): string {
    const rate = elapsed > 0 ? Math.round(done / (elapsed / 1000)) : 0;
    const what = unit === '' ? '' : ` ${unit}`;
    if (total === undefined) return `${this.#label}  ${count(done)}${what}  ${count(rate)}/s`;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    const left = share > 0 && share < 1 ? `  ${Math.ceil((elapsed * (1 - share)) / share / 1000)} s left` : '';
    const filled = Math.round(share * BAR_WIDTH);
    const bar = this.#stream.isTTY ? `  ${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}` : '';
    return `${this.#label}${bar} ${percent}  ${count(done)} of ${count(total)}${what}${left}`;
  }
}
