// Property: the projection keeps the geometry of TF-IDF: equal texts coincide, shared rare words bring texts near, unrelated
// texts are nearly orthogonal; vectors are finite, of unit length and reproducible.
import { describe, expect, it } from 'vitest';
import { Embedder } from '../../demo/embedder.js';
import { exactNeighbors, recall } from '../../demo/exact.js';
import { words } from '../../demo/features.js';
import { sampleQueries } from '../../demo/text.js';

const TEXTS = [
  'Compresses a buffer with the gzip algorithm',
  'Returns the histogram of event loop delays',
  'Parses a glob pattern into a regular expression',
  'The worker thread was stopped before it finished',
];
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);

function fitted(): Embedder {
  const embedder = new Embedder(768);
  for (const text of TEXTS) embedder.fit(text);
  return embedder;
}

describe('Embedder', () => {
  it('is deterministic and of unit length', () => {
    const [a, b] = [fitted(), fitted()];
    for (const text of TEXTS) {
      expect(a.embed(text)).toEqual(b.embed(text));
      expect(dot(a.embed(text), a.embed(text))).toBeCloseTo(1, 5);
    }
  });

  it('finds the text that shares words with the query, also inflected', () => {
    const embedder = fitted();
    const matrix = new Float32Array(TEXTS.length * 768);
    for (const [i, text] of TEXTS.entries()) embedder.embedInto(text, matrix.subarray(i * 768, (i + 1) * 768));
    const queries = [
      'gzip compression of buffers',
      'delay of the event loop',
      'globPatterns to expressions',
      'stopping workers',
    ];
    const found = exactNeighbors(
      matrix,
      768,
      queries.map((q) => embedder.embed(q)),
      1,
    );
    expect(found).toEqual([[0], [1], [2], [3]]);
  });

  it('keeps unrelated texts nearly orthogonal', () => {
    const embedder = fitted();
    expect(Math.abs(dot(embedder.embed(TEXTS[0] as string), embedder.embed(TEXTS[3] as string)))).toBeLessThan(0.15);
  });

  it.each(['', '   ', 'the of and', '日本語', '!!!'])('gives a storable vector for %j', (text) => {
    const v = fitted().embed(text);
    expect(dot(v, v)).toBeCloseTo(1, 5);
  });
});

describe('words', () => {
  it('splits identifiers and removes stop words and plurals', () => {
    expect(words('readFileSync of the HTTPServer policies, snake_case_names 2nd')).toEqual([
      'read',
      'file',
      'sync',
      'http',
      'server',
      'policy',
      'snake',
      'case',
      'name',
      '2nd',
    ]);
  });
});

describe('exactNeighbors and recall', () => {
  it('orders by score, breaks ties by row and counts the share found', () => {
    const matrix = new Float32Array([1, 0, 0, 1, 1, 0, 0.6, 0.8]);
    const exact = exactNeighbors(matrix, 2, [new Float32Array([1, 0])], 3);
    expect(exact).toEqual([[0, 2, 3]]);
    expect(recall([[0, 1, 3]], exact)).toBeCloseTo(2 / 3);
  });
});

describe('sampleQueries', () => {
  it('takes runs of the passages own words, the same each time', () => {
    const passages = TEXTS.map((text, line) => ({
      kind: 'markdown' as const,
      package: 'p',
      file: 'f.md',
      line,
      title: '',
      text,
    }));
    const queries = sampleQueries(passages, 8);
    expect(queries).toEqual(sampleQueries(passages, 8));
    for (const [i, query] of queries.entries()) expect(TEXTS[Math.floor(i / 2)]).toContain(query);
  });
});
