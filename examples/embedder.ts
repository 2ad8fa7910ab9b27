// A stand-in for an embedding model: hashes the words of a text into a unit vector. Texts that share words are near each other.

export const DIMENSION = 64;

function hash(word: string): number {
  let h = 2166136261;
  for (let i = 0; i < word.length; i++) h = Math.imul(h ^ word.charCodeAt(i), 16777619);
  return h >>> 0;
}

export function embed(text: string): Float32Array {
  const vector = new Float32Array(DIMENSION);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    // Two dimensions per word with signs of their own, so that few pairs of words collide.
    const h = hash(word);
    vector[h % DIMENSION]! += h & 0x8000 ? 1 : -1;
    vector[(h >>> 16) % DIMENSION]! += h & 0x4000 ? 1 : -1;
  }
  const norm = Math.hypot(...vector) || 1;
  return vector.map((x) => x / norm);
}

/** As a service: where a real model would be loaded once and called by many pipelines. */
export class EmbeddingService {
  calls = 0;

  async embed(text: string): Promise<Float32Array> {
    this.calls++;
    return embed(text);
  }

  async embedBatch(texts: string[]): Promise<Float32Array[]> {
    this.calls++;
    return texts.map(embed);
  }
}
