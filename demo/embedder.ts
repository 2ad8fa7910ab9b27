import { features } from './features.js';

// Sparse projection: every feature adds to this many of the output dimensions, one in each equal block of them.
const SPREAD = 8;
const BUCKETS = 1 << 20;

/**
 * Hashed TF-IDF with a sparse signed random projection: text -> unit vector. No model file, no training beyond counting.
 *
 *  1. features of a text: see features.ts, each with a class weight w;
 *  2. weight  w · (1 + ln tf) · idf,  idf = ln((1 + N) / (1 + df)) + 1  (sublinear tf, smoothed idf: Manning, Raghavan, Schütze,
 *     «Introduction to Information Retrieval», 2008, §6.4.1; scikit-learn's TfidfTransformer), df counted per hash bucket;
 *  3. the feature's hash chooses 8 of the dimensions, one per block, and a sign for each: feature hashing (Weinberger et al.,
 *     «Feature hashing for large scale multitask learning», ICML 2009) in the block form of a sparse Johnson-Lindenstrauss
 *     transform (Kane, Nelson, J. ACM 61(1), 2014): inner products are kept in expectation, with variance about 1/dimension;
 *  4. scaled to unit length, so that cosine similarity is a dot product.
 *
 * Deterministic: the same fitted texts give the same vectors on every machine up to floating-point rounding of Math.log.
 */
export class Embedder {
  readonly dimension: number;
  readonly #documentFrequency = new Uint32Array(BUCKETS);
  #documents = 0;

  constructor(dimension = 768) {
    if (dimension % SPREAD !== 0) throw new RangeError(`dimension must be a multiple of ${SPREAD}, got ${dimension}`);
    this.dimension = dimension;
  }

  /** Counts in how many texts each feature occurs. Call once per text, before embedding. */
  fit(text: string): void {
    this.#documents++;
    for (const hash of features(text).keys()) {
      const bucket = hash & (BUCKETS - 1);
      this.#documentFrequency[bucket] = (this.#documentFrequency[bucket] as number) + 1;
    }
  }

  /** Writes the unit vector of `text` to `out` (length `dimension`). A text without any feature gives e₀, so it can be stored. */
  embedInto(text: string, out: Float32Array): void {
    out.fill(0);
    const block = this.dimension / SPREAD;
    for (const [hash, { count, weight }] of features(text)) {
      const df = this.#documentFrequency[hash & (BUCKETS - 1)] as number;
      const idf = Math.log((1 + this.#documents) / (1 + df)) + 1;
      const value = weight * (1 + Math.log(count)) * idf;
      let state = hash;
      for (let b = 0; b < SPREAD; b++) {
        state = mix(state + 0x9e3779b9);
        const at = b * block + ((state >>> 1) % block);
        out[at] = (out[at] as number) + (state & 1 ? value : -value);
      }
    }
    normalise(out);
  }

  embed(text: string): Float32Array {
    const out = new Float32Array(this.dimension);
    this.embedInto(text, out);
    return out;
  }
}

function normalise(v: Float32Array): void {
  let sum = 0;
  for (const x of v) sum += x * x;
  if (sum === 0) {
    v[0] = 1;
    return;
  }
  const scale = 1 / Math.sqrt(sum);
  for (let i = 0; i < v.length; i++) v[i] = (v[i] as number) * scale;
}

/** Finaliser of MurmurHash3 (Appleby, public domain): spreads every input bit over the word. */
export function mix(h: number): number {
  let x = h | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
