// Full-text search once more in plain JavaScript, written for clarity alone: words by regular expression, BM25 over a Map of documents.
import type { Id } from '../../lib/index.js';
import { valueAt } from './filter-oracle.js';

const SINGLE = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
/** A word: a character of a script without spaces and its marks, or a run of letters, digits and marks. */
export const WORD = new RegExp(
  `(?=[\\p{L}\\p{N}])[${SINGLE}]\\p{M}*|(?:(?!(?=[\\p{L}\\p{N}])[${SINGLE}])[\\p{L}\\p{N}\\p{M}])+`,
  'gu',
);

const single = (text: string, otherwise: string) => ([...text].length === 1 ? text : otherwise);
/** Simple case folding, but for a few characters that tests of whole texts do not use. */
const fold = (c: string) => {
  const upper = single(c.toUpperCase(), c);
  return single(upper.toLowerCase(), upper);
};

export function wordsOf(text: string): string[] {
  return (text.match(WORD) ?? []).map((word) => Array.from(word, fold).join(''));
}

function fieldWords(metadata: object, field: string): string[] {
  const value = valueAt(metadata as Record<string, unknown>, field);
  return [value].flat().flatMap((text) => (typeof text === 'string' ? wordsOf(text) : []));
}

export interface Scored {
  id: Id;
  score: number;
}

/** An index over one state of the documents. */
export class Bm25 {
  readonly #fields: { name: string; items: number; average: number; postings: Map<string, Map<Id, number>> }[];
  readonly #lengths: Map<Id, number>[] = [];

  constructor(documents: Iterable<[Id, object]>, fields: readonly string[]) {
    const all = [...documents];
    this.#fields = fields.map((name) => {
      const postings = new Map<string, Map<Id, number>>();
      const lengths = new Map<Id, number>();
      let total = 0;
      for (const [id, metadata] of all) {
        const words = fieldWords(metadata, name);
        if (words.length > 0) lengths.set(id, words.length);
        total += words.length;
        for (const word of words) {
          const list = postings.get(word) ?? new Map<Id, number>();
          postings.set(word, list.set(id, (list.get(id) ?? 0) + 1));
        }
      }
      this.#lengths.push(lengths);
      return { name, items: lengths.size, average: total / lengths.size, postings };
    });
  }

  /** Every item with one of the words, best first; scores as 32-bit floats, ties by id. */
  search(text: string, { k1 = 1.2, b = 0.75, weights = {} as Record<string, number> } = {}): Scored[] {
    const query = new Map<string, number>();
    for (const word of wordsOf(text)) query.set(word, (query.get(word) ?? 0) + 1);
    const sums = new Map<Id, number>();
    for (const [f, { name, items, average, postings }] of this.#fields.entries()) {
      const weight = weights[name] ?? (Object.keys(weights).length > 0 ? 0 : 1);
      for (const [word, times] of query) {
        const list = postings.get(word);
        if (!list || weight === 0) continue;
        const idf = Math.log(1 + (items - list.size + 0.5) / (list.size + 0.5));
        for (const [id, tf] of list) {
          const length = this.#lengths[f]!.get(id)!;
          const part = (tf * (k1 + 1)) / (tf + k1 * (1 - b + (b * length) / average));
          sums.set(id, (sums.get(id) ?? 0) + weight * times * idf * part);
        }
      }
    }
    return [...sums]
      .map(([id, score]) => ({ id, score: Math.fround(score) }))
      .sort((x, y) => y.score - x.score || compareIds(x.id, y.id));
  }
}

/** Numbers before strings. */
export function compareIds(x: Id, y: Id): number {
  if (typeof x !== typeof y) return typeof x === 'number' ? -1 : 1;
  return x < y ? -1 : x > y ? 1 : 0;
}
