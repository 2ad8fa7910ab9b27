// What commands print: results on standard output, everything else on standard error.

/** Two aligned columns. */
export function table(rows: readonly (readonly [string, string])[], indent = 2): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${' '.repeat(indent)}${left.padEnd(width)}  ${right}`);
}

export function printFacts(facts: readonly (readonly [string, string])[]): void {
  console.log(table(facts, 0).join('\n'));
}

/** Vectors become lists of numbers. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, part) => (part instanceof Float32Array ? Array.from(part) : part), indent);
}

export function printJson(value: unknown): void {
  console.log(jsonText(value, 2));
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${step === 0 ? value : (value / 2 ** (10 * step)).toFixed(1)} ${units[step]}`;
}

export function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
