import { UsageError } from './command.js';

/**
 * Vectors as people and programs write them: one JSON document (an array of numbers, or of such arrays), or one vector per line, each a JSON
 * array or numbers between spaces, commas or semicolons. The database checks lengths and values.
 */
export function parseVectors(text: string, source: string): number[][] {
  const document = jsonOf(text);
  if (Array.isArray(document) && document.length > 0) {
    return document.every(Array.isArray)
      ? document.map((vector, i) => numbersOf(vector, `${source}, vector ${i + 1}`))
      : [numbersOf(document, source)];
  }
  const vectors = text
    .split('\n')
    .map((line, i) => ({ line: line.trim(), at: `${source}, line ${i + 1}` }))
    .filter(({ line }) => line !== '')
    .map(({ line, at }) => numbersOf(line.startsWith('[') ? jsonOf(line) : numbersIn(line), at));
  if (vectors.length === 0) throw new UsageError(`${source}: no vector in it`);
  return vectors;
}

/** Numbers between spaces, commas or semicolons; NaN where there is none. */
export function numbersIn(text: string): number[] {
  // Number('') is 0.
  return text.split(/[\s,;]+/).map((part) => (part === '' ? Number.NaN : Number(part)));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function numbersOf(value: unknown, at: string): number[] {
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((part) => typeof part === 'number' && !Number.isNaN(part))
  ) {
    return value as number[];
  }
  throw new UsageError(`${at}: expected a vector, as [0.1, -2, 3e-4] or 0.1 -2 3e-4`);
}
