/** Weight of the three kinds of features; words carry the meaning, pairs the order, character n-grams survive inflection and typing errors. */
const WORD = 1;
const PAIR = 0.6;
const NGRAM = 0.22;

const STOP = new Set(
  `a about after all also an and any are as at be been being but by can could did do does for from had has have how i if in into is it
   its just may me more most my no not of on only or other our out over s same should so some such t than that the their them then there
   these they this those to too under up us use used using was we were what when where which while who why will with would you your`.split(
    /\s+/,
  ),
);

export type Feature = { count: number; weight: number };

/**
 * Words of a text: lower case, camelCase and snake_case split, plural -s removed by Harman's «S» stemmer (J. ASIS 42(1), 1991),
 * stop words dropped.
 */
export function words(text: string): string[] {
  const split = text.replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2').replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2');
  const found = split.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const kept: string[] = [];
  for (const word of found) {
    if (word.length > 1 && word.length <= 40 && !STOP.has(word)) kept.push(stem(word));
  }
  return kept;
}

function stem(word: string): string {
  if (word.length <= 3 || !word.endsWith('s')) return word;
  if (word.endsWith('ies') && !/[ae]ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (word.endsWith('es') && !/[aeo]es$/.test(word)) return word.slice(0, -1);
  return /[us]s$/.test(word) ? word : word.slice(0, -1);
}

/** Hashed features of a text: words, pairs of neighbouring words, and the 4-grams of each word with its borders. */
export function features(text: string): Map<number, Feature> {
  const found = new Map<number, Feature>();
  const add = (hash: number, weight: number) => {
    const known = found.get(hash);
    if (known) known.count++;
    else found.set(hash, { count: 1, weight });
  };
  let previous = 0;
  for (const word of words(text)) {
    const hash = fnv1a(word, 0, word.length, 0x811c9dc5);
    add(hash, WORD);
    if (previous !== 0) add(fnv1a(word, 0, word.length, previous), PAIR);
    previous = hash;
    const bordered = `^${word}$`;
    for (let i = 0; i + 4 <= bordered.length; i++) add(fnv1a(bordered, i, i + 4, 0x2f0b4c47), NGRAM);
  }
  return found;
}

/** FNV-1a over UTF-16 units (Fowler, Noll, Vo); a different basis separates the kinds of features. */
function fnv1a(text: string, from: number, to: number, basis: number): number {
  let hash = basis;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
