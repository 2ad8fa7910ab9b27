// Property: the examples do what their comments say.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DIMENSION } from '../../examples/embedder.js';
import { addImage, decodePpm, describe as descriptorOf, type Image, openImages } from '../../examples/image-search.js';
import { indexFolder, type Passage, passagesOf, promptFor } from '../../examples/markdown-rag.js';
import { deduplicate } from '../../examples/semantic-dedup.js';
import { SageDB } from '../../lib/index.js';

describe('RAG over a folder of Markdown', () => {
  it('follows the folder, and makes a prompt from the passages that answer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sagedb-rag-'));
    await using db = await SageDB.open<Passage>({ dimension: DIMENSION });
    try {
      await writeFile(
        join(folder, 'cats.md'),
        '# Cats\n\nA cat sleeps for fifteen hours a day.\n\n## Food\n\nCats eat fish and mice.\n',
      );
      await writeFile(join(folder, 'boats.md'), '# Boats\n\nA boat floats because it is lighter than water.\n');
      await writeFile(join(folder, 'notes.txt'), 'Cats eat boats.');
      expect(await indexFolder(db, folder)).toEqual({ changed: 2, removed: 0 });
      expect(await indexFolder(db, folder)).toEqual({ changed: 0, removed: 0 });

      const { prompt, sources } = await promptFor(db, 'what do cats eat');
      expect(sources[0]).toBe('cats.md › Food');
      expect(prompt).toContain('[1] cats.md › Food\nCats eat fish and mice.');
      expect(prompt).toMatch(/Question: what do cats eat\nAnswer:$/);

      await writeFile(join(folder, 'cats.md'), '# Cats\n\nCats eat nothing but tuna.\n');
      expect(await indexFolder(db, folder)).toEqual({ changed: 1, removed: 0 });
      expect((await promptFor(db, 'what do cats eat')).prompt).not.toContain('mice');
      await rm(join(folder, 'boats.md'));
      expect(await indexFolder(db, folder)).toEqual({ changed: 0, removed: 1 });
      expect(db.size).toBe(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('cuts at headings and at a length, and loses no paragraph', () => {
    const long = Array.from({ length: 30 }, (_, i) => `Paragraph ${i} ${'word '.repeat(20)}`.trim());
    const passages = passagesOf(`# One\n${long.join('\n\n')}\n## Two\nLast.`);
    expect(passages.length).toBeGreaterThan(3);
    for (const { text } of passages) expect(text.length).toBeLessThanOrEqual(1200);
    expect(passages.flatMap(({ text }) => text.split('\n\n'))).toEqual([...long, 'Last.']);
    expect(passages.at(-1)).toEqual({ heading: 'Two', text: 'Last.' });
  });
});

it('semantic dedup keeps the longest of each group', async () => {
  const texts = [
    'The quick brown fox jumps over the lazy dog',
    'the quick brown fox jumps over the lazy dog today',
    'Logs are written before data',
    'A completely different sentence about gardens',
  ];
  expect(await deduplicate(texts)).toEqual([{ kept: texts[1], dropped: [texts[0]] }]);
});

describe('image search', () => {
  /** A picture of two colours and a gradient. */
  function picture(width: number, height: number, hue: number, dim = 1): Image {
    const pixels = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = (y * width + x) * 3;
        pixels[at] = dim * (x / width < 0.5 ? 255 * hue : 40);
        pixels[at + 1] = dim * ((y / height) * 200);
        pixels[at + 2] = dim * (x / width < 0.5 ? 30 : 255 * (1 - hue));
      }
    }
    return { width, height, pixels };
  }

  it('finds the same picture at another size and darker', async () => {
    await using db = await openImages();
    for (const hue of [0, 0.25, 0.5, 0.75, 1]) await addImage(db, `hue-${hue}`, picture(96, 64, hue));
    for (const hue of [0, 0.5, 1]) {
      const [best] = await db.search(descriptorOf(picture(40, 30, hue, 0.9)), { k: 1 });
      expect(best!.id).toBe(`hue-${hue}`);
    }
    const [same] = await db.search(descriptorOf(picture(96, 64, 0.25)), { k: 1 });
    expect(same).toMatchObject({ id: 'hue-0.25', metadata: { width: 96, height: 64 } });
    expect(same!.score).toBeCloseTo(0, 3);
  });

  it('reads PPM with comments and refuses what is none', () => {
    const file = Buffer.concat([Buffer.from('P6\n# made here\n2 1\n255\n', 'latin1'), Buffer.from([1, 2, 3, 4, 5, 6])]);
    expect(decodePpm(file)).toMatchObject({ width: 2, height: 1 });
    expect(Array.from(decodePpm(file).pixels)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(() => decodePpm(Buffer.from('GIF89a'))).toThrow('P6');
    expect(() => decodePpm(file.subarray(0, -1))).toThrow('too early');
  });
});
