// Search for images by what they look like. The descriptor is a colour layout: the image is cut into 8 × 8 cells, each gives its mean colour in
// a space where distances are as people see them (CIE L*a*b*). Euclidean distance; it finds the same picture scaled, recompressed or darkened.
// Put the output of an image model (CLIP, DINO) in its place to search by content: nothing else changes.
//
//   npx tsx examples/image-search.ts folder-of-ppm-files query.ppm
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SageDB } from '../lib/index.js';

export interface Image {
  width: number;
  height: number;
  /** Red, green, blue per pixel, 0 … 255, row after row. */
  pixels: Uint8Array;
}

const CELLS = 8;
export const DIMENSION = CELLS * CELLS * 3;

/** Binary PPM (P6), what `convert picture.jpg picture.ppm` and every codec can write. */
export function decodePpm(bytes: Uint8Array): Image {
  const header = /^P6\s+(?:#.*\s+)*(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(bytes.subarray(0, 256)).toString('latin1'));
  if (header === null) throw new Error('expected a binary PPM image (P6) of 8 bits');
  const [width, height] = [Number(header[1]), Number(header[2])];
  const pixels = bytes.subarray(header[0].length);
  if (pixels.length < width * height * 3) throw new Error('the image ends too early');
  return { width, height, pixels };
}

/** sRGB to L*a*b* (D65). */
function lab(red: number, green: number, blue: number): [number, number, number] {
  const linear = (c: number) => (c <= 10.31475 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = [linear(red), linear(green), linear(blue)];
  const root = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27) * (t / 116) + 16 / 116);
  const x = root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = root(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

export function describe({ width, height, pixels }: Image): Float32Array {
  const sums = new Float64Array(DIMENSION);
  const counts = new Uint32Array(CELLS * CELLS);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = Math.floor((y * CELLS) / height) * CELLS + Math.floor((x * CELLS) / width);
      const at = (y * width + x) * 3;
      counts[cell]!++;
      for (let c = 0; c < 3; c++) sums[cell * 3 + c]! += pixels[at + c]!;
    }
  }
  const descriptor = new Float32Array(DIMENSION);
  for (let cell = 0; cell < counts.length; cell++) {
    const [r, g, b] = [0, 1, 2].map((c) => sums[cell * 3 + c]! / Math.max(1, counts[cell]!)) as [
      number,
      number,
      number,
    ];
    descriptor.set(lab(r, g, b), cell * 3);
  }
  return descriptor;
}

export type ImageDatabase = SageDB<{ width: number; height: number }>;

export const openImages = (path?: string): Promise<ImageDatabase> =>
  SageDB.open({ ...(path !== undefined && { path }), dimension: DIMENSION, metric: 'l2' });

export async function addImage(db: ImageDatabase, name: string, image: Image): Promise<void> {
  await db.upsert(describe(image), { width: image.width, height: image.height }, { id: name });
}

if (process.argv[1] === import.meta.filename) {
  const [folder, query] = process.argv.slice(2);
  if (folder === undefined || query === undefined) throw new Error('usage: image-search <folder> <query.ppm>');
  await using db = await openImages();
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.ppm'))) {
    await addImage(db, name, decodePpm(await readFile(join(folder, name))));
  }
  for (const { id, score } of await db.search(describe(decodePpm(await readFile(query))), { k: 5 })) {
    console.log(score.toFixed(1).padStart(7), id);
  }
}
