/** One piece of text that the demo indexes: the metadata stored beside its vector. */
export type Passage = {
  kind: 'markdown' | 'declaration';
  /** npm package the file belongs to. */
  package: string;
  /** Path below node_modules, with forward slashes. */
  file: string;
  line: number;
  /** Heading the paragraph stands under, or name of the declared symbol; may be empty. */
  title: string;
  text: string;
};

/** A passage before its file is known. */
export type Extract = Pick<Passage, 'kind' | 'line' | 'title' | 'text'>;

export const MAX_PASSAGE = 900;

const ENTITIES: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  '#39': "'",
  mdash: '-',
  ndash: '-',
};

/** Running text out of inline markup: links keep their words, images and tags go, entities are decoded. */
export function plainText(markup: string): string {
  return markup
    .replace(/<!--[\s\S]*?-->/g, ' ')
    .replace(/!\[[^\]]*\](\([^)]*\)|\[[^\]]*\])/g, ' ')
    .replace(/\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])/g, '$1')
    .replace(
      /\{@link(?:code|plain)?\s+([^\s}|]+)[\s|]*([^}]*)\}/g,
      (_, target: string, words: string) => words || target,
    )
    .replace(/<https?:\/\/[^>]*>|https?:\/\/\S+/g, ' ')
    .replace(/<\/?[a-zA-Z][^<>]*>/g, ' ')
    .replace(/`+/g, '')
    .replace(/\*\*|__|~~|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])/g, '')
    .replace(/(?<=^|[\s(])_(\S[^_]*)_(?=[\s.,;:)]|$)/g, '$1')
    .replace(/&(#?\w+);/g, (all, name: string) => ENTITIES[name] ?? all)
    .replace(/\\([[\]_*#`<>(){}~|-])/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Is this prose? At least `words` words and mostly letters; drops badges, tables of symbols and hashes. */
export function isProse(text: string, words: number): boolean {
  const found = text.match(/\p{L}{2,}/gu)?.length ?? 0;
  const letters = text.match(/[\p{L}\s]/gu)?.length ?? 0;
  return found >= words && letters >= 0.7 * text.length;
}

/** Cuts at sentence ends into pieces of at most MAX_PASSAGE characters (hard cut where a sentence is longer). */
export function splitLong(text: string): string[] {
  if (text.length <= MAX_PASSAGE) return [text];
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > MAX_PASSAGE) {
    const sentence = rest.lastIndexOf('. ', MAX_PASSAGE - 1);
    const space = rest.lastIndexOf(' ', MAX_PASSAGE);
    const cut = sentence > MAX_PASSAGE / 3 ? sentence + 1 : space > 0 ? space : MAX_PASSAGE;
    pieces.push(rest.slice(0, cut).trim());
    rest = rest.slice(cut).trim();
  }
  if (rest.length > 0) pieces.push(rest);
  return pieces;
}
