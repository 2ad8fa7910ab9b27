// Answers that are sent in parts: pages of an iterator, progress of long work.
import type { Item, Metadata, Progress } from '../types.js';
import { encodePart } from './frame-stream.js';
import { answerOf } from './http-errors.js';
import { NO_FLOATS } from './wire.js';

/** About this many bytes make a page, whatever the size of the items. */
const PAGE_BYTES = 1 << 18;

type AnyItem = Item<Metadata, boolean>;

/** Pages of an iterator that has begun; `first` is what its first step gave. Reads on as the client does. */
export async function* itemParts(
  items: AsyncGenerator<AnyItem, void, undefined>,
  first: IteratorResult<AnyItem, void>,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    let texts: string[] = [];
    let vectors: Float32Array[] = [];
    let bytes = 0;
    const page = () => {
      const part = encodePart(`{"items":[${texts.join(',')}]}`, joinVectors(vectors));
      texts = [];
      vectors = [];
      bytes = 0;
      return part;
    };
    for (let step = first; !step.done; step = await items.next()) {
      const { id, metadata, vector } = step.value as AnyItem & { vector?: Float32Array };
      const text = JSON.stringify(vector === undefined ? { id, metadata } : { id, metadata, vector: true });
      texts.push(text);
      if (vector !== undefined) vectors.push(vector);
      bytes += text.length + (vector?.byteLength ?? 0);
      if (bytes >= PAGE_BYTES) yield page();
    }
    if (texts.length > 0) yield page();
    yield encodePart('{"result":null}', NO_FLOATS);
  } catch (error) {
    yield failure(error);
  } finally {
    // Also when the client went away: lets go of the snapshot.
    await items.return();
  }
}

/** The latest progress whenever the client can take one, then the result. */
export async function* progressParts(
  run: (onProgress: (progress: Progress) => void) => Promise<unknown>,
): AsyncGenerator<Buffer, void, undefined> {
  let latest: Progress | undefined;
  let last: Buffer | undefined;
  let wake = () => {};
  const finish = (part: Buffer) => {
    last = part;
    wake();
  };
  run((progress) => {
    latest = progress;
    wake();
  }).then(
    (result) => finish(encodePart(JSON.stringify({ result: result ?? null }), NO_FLOATS)),
    (error: unknown) => finish(failure(error)),
  );
  for (;;) {
    if (latest !== undefined) {
      const text = JSON.stringify({ progress: latest });
      latest = undefined;
      yield encodePart(text, NO_FLOATS);
    } else if (last !== undefined) {
      yield last;
      return;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

export function joinVectors(vectors: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(vectors.reduce((sum, vector) => sum + vector.length, 0));
  let offset = 0;
  for (const vector of vectors) {
    joined.set(vector, offset);
    offset += vector.length;
  }
  return joined;
}

function failure(error: unknown): Buffer {
  const { code, message } = answerOf(error);
  return encodePart(JSON.stringify({ error: { code, message } }), NO_FLOATS);
}
