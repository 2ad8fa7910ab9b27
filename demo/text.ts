import type { Passage } from './passage.js';

/** What is embedded for a passage: its file and title give context, the text the content. */
export function documentText(passage: Passage): string {
  const module = (passage.file.split('/').at(-1) as string).replace(/(\.d)?\.[cm]?(ts|md|markdown)$/i, '');
  return `${module} ${passage.title} ${passage.text}`;
}

/**
 * Queries that nobody wrote by hand: runs of 4 to 9 words from evenly spread passages. Deterministic. They resemble the
 * passages more than a person's questions do; enough to time searches and to compare with exact search.
 */
export function sampleQueries(passages: readonly Passage[], count: number): string[] {
  let state = 0x5a6edb;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, (_, i) => {
    const passage = passages[Math.floor((i * passages.length) / count)] as Passage;
    const words = passage.text.split(' ');
    const length = 4 + random(6);
    const from = random(Math.max(1, words.length - length));
    return words.slice(from, from + length).join(' ');
  });
}
