// Property: words and case folding are those of JavaScript's own regular expressions, for every code point.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { textWords } from '../../lib/index.js';
import { WORD, wordsOf } from '../support/bm25.js';
import { expectCode } from '../support/vectors.js';

const tables = readFileSync(new URL('../../cpp/text/unicode_tables_impl.h', import.meta.url), 'utf8');
const generated = /from Unicode ([\d.]+)\./.exec(tables)?.[1];
/** A run time with another Unicode version knows other characters: those that it or the tables do not know are left out. */
const sameVersion = generated === process.versions.unicode;
const assigned = /^\p{Assigned}$/u;
const points = Array.from({ length: 0x110000 }, (_, c) => c).filter(
  (c) => (c < 0xd800 || c > 0xdfff) && (sameVersion || assigned.test(String.fromCodePoint(c))),
);

const knownHere = (c: number) => sameVersion || textWords(String.fromCodePoint(c)).length > 0;

test('every code point joins or separates words as in JavaScript', () => {
  for (let i = 0; i < points.length; i += 4096) {
    const some = points.slice(i, i + 4096).filter(knownHere);
    const text = some.map((c) => `a${String.fromCodePoint(c)}a${String.fromCodePoint(c)}`).join(' ! ');
    const expected = Array.from(text.matchAll(WORD), (match) => [match.index, match.index + match[0].length]);
    expect(textWords(text).map(({ start, end }) => [start, end])).toEqual(expected);
  }
});

test('case folding puts together exactly what JavaScript compares as equal', () => {
  const cased = points.filter((c) => /^\p{Changes_When_Casemapped}$/u.test(String.fromCodePoint(c)) && knownHere(c));
  const all = String.fromCodePoint(...cased);
  const foldOf = (c: string) => textWords(c)[0]?.word ?? c;
  for (const c of cased) {
    const equal = all.match(new RegExp(`\\u{${c.toString(16)}}`, 'giu')) ?? [];
    const folded = new Set(equal.filter((e) => textWords(e).length > 0).map(foldOf));
    expect(folded.size, c.toString(16)).toBeLessThanOrEqual(1);
    for (const to of folded) expect(equal, c.toString(16)).toContain(to);
  }
  // What has no case stays as it is.
  const others = points.filter((c) => !/^\p{Changes_When_Casemapped}$/u.test(String.fromCodePoint(c)));
  for (let i = 0; i < others.length; i += 4096) {
    const text = others
      .slice(i, i + 4096)
      .map((c) => String.fromCodePoint(c))
      .join(' ');
    for (const { word, start, end } of textWords(text))
      if (text.slice(start, end) !== word) expect(word).toBe(text.slice(start, end));
  }
});

test('words of texts', async () => {
  const texts = [
    '',
    'Hello, World!',
    "don't stop",
    'naïve Ünïcödé',
    '東京タワーは高い',
    'กิน ข้าว',
    '\ud83d lone \ude00',
    'x\u0301y',
    '３つ',
  ];
  for (const text of texts) expect(textWords(text).map(({ word }) => word)).toEqual(wordsOf(text));
  expect(textWords('A  b')).toEqual([
    { word: 'a', start: 0, end: 1 },
    { word: 'b', start: 3, end: 4 },
  ]);
  await expectCode(() => textWords(5 as never), 'INVALID_ARGUMENT', /text/);
});
