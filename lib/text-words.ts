import { invalidArgument } from './errors.js';
import { native } from './native.js';

/** A word of a text as full-text search sees it. */
export interface TextWord {
  /** Case folded. */
  word: string;
  /** Place in the text. */
  start: number;
  end: number;
}

/** The words that full-text search finds in a text: to see why something matches, or does not. */
export function textWords(text: string): TextWord[] {
  if (typeof text !== 'string') throw invalidArgument('text', 'a string', text);
  const { words, places } = native().textWords(text);
  return words.map((word, i) => ({ word, start: places[2 * i] as number, end: places[2 * i + 1] as number }));
}
