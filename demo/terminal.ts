import type { Passage } from './passage.js';

const STYLES = { bold: 1, dim: 2, cyan: 36, green: 32, yellow: 33, red: 31, blue: 34 } as const;

/** Everything the demo prints goes through here: colours and a live bar on a terminal, plain lines in a pipe. */
export class Terminal {
  readonly #out: NodeJS.WriteStream;
  readonly #colours: boolean;
  #barShown = false;
  #barLabel = '';
  #barTenths = -1;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
    this.#colours = out.isTTY === true && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb';
  }

  get width(): number {
    return Math.max(60, Math.min(this.#out.columns || 100, 110));
  }

  style(style: keyof typeof STYLES, text: string): string {
    return this.#colours ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
  }

  line(text = ''): void {
    if (this.#barShown) this.#out.write('\n');
    this.#barShown = false;
    this.#out.write(`${text}\n`);
  }

  heading(text: string): void {
    this.line();
    this.line(this.style('bold', text));
  }

  fact(name: string, value: string): void {
    this.line(`  ${this.style('dim', name.padEnd(26))} ${value}`);
  }

  /** Redraws one line on a terminal; in a pipe prints a line per tenth at most. */
  progress(label: string, done: number, total: number): void {
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const count = `${thousands(done)} / ${thousands(total)}`;
    if (label !== this.#barLabel) {
      this.#barLabel = label;
      this.#barTenths = -1;
    }
    if (this.#out.isTTY === true) {
      const cells = Math.max(10, Math.min(36, this.width - label.length - count.length - 12));
      const filled = Math.round(share * cells);
      const bar = this.style('cyan', '█'.repeat(filled)) + this.style('dim', '░'.repeat(cells - filled));
      this.#out.write(`\r\u001b[2K  ${label} ${bar} ${String(Math.floor(share * 100)).padStart(3)}%  ${count}`);
      this.#barShown = share < 1;
      if (share >= 1) this.#out.write('\n');
    } else {
      const tenths = Math.floor(share * 4);
      if (tenths > this.#barTenths) this.line(`  ${label} ${String(Math.floor(share * 100)).padStart(3)}%  ${count}`);
      this.#barTenths = Math.max(this.#barTenths, tenths);
    }
  }

  passage(rank: number, score: number, passage: Passage): void {
    const colour = score >= 0.45 ? 'green' : score >= 0.25 ? 'yellow' : 'dim';
    const title = passage.title === '' ? '' : `${this.style('bold', clip(passage.title, 48))}  `;
    this.line(
      `  ${this.style('dim', `${rank}.`)} ${this.style(colour, score.toFixed(3))}  ${title}${this.style('blue', `${passage.file}:${passage.line}`)}`,
    );
    for (const row of wrap(clip(passage.text, 2 * (this.width - 10)), this.width - 10)) this.line(`            ${row}`);
  }
}

export function thousands(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`;
}

function wrap(text: string, width: number): string[] {
  const rows: string[] = [];
  let row = '';
  for (const word of text.split(' ')) {
    if (row !== '' && row.length + 1 + word.length > width) {
      rows.push(row);
      row = word;
    } else {
      row = row === '' ? word : `${row} ${word}`;
    }
  }
  if (row !== '') rows.push(row);
  return rows;
}
