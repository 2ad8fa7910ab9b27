// Property: prose comes out as plain text under its heading with its line number; everything that is not prose stays out.
import { describe, expect, it } from 'vitest';
import { markdownPassages } from '../../demo/markdown.js';
import { MAX_PASSAGE, plainText, splitLong } from '../../demo/passage.js';

const SOURCE = `---
title: the front matter is not a paragraph of the text
---
# Getting **started**

Install the [package](https://example.org) with \`npm\` &amp; read on
across two lines.

![badge](https://img.example/x.svg) [![b](x)](y)

\`\`\`js
const code = 'is never indexed even with many words in it';
\`\`\`

    indented code is never indexed even with many words

| a table | with many words | is not | prose at all |

Second heading
--------------
- the first item of a list stands alone here
- the second item of a list stands alone too
<!-- a comment with more than six words inside of it -->
too short
`;

describe('markdownPassages', () => {
  const passages = markdownPassages(SOURCE);

  it('keeps paragraphs and list items, and nothing else', () => {
    expect(passages.map((p) => p.text)).toEqual([
      'Install the package with npm & read on across two lines.',
      'the first item of a list stands alone here',
      'the second item of a list stands alone too',
    ]);
  });

  it('names the heading and the line of each', () => {
    expect(passages.map((p) => [p.title, p.line])).toEqual([
      ['Getting started', 6],
      ['Second heading', 21],
      ['Second heading', 22],
    ]);
  });

  it('reads CRLF files like LF files', () => {
    expect(markdownPassages(SOURCE.replaceAll('\n', '\r\n'))).toEqual(passages);
  });

  it('ignores an unclosed fence to the end of the file', () => {
    expect(markdownPassages('~~~\nthese words are code until the file ends here')).toEqual([]);
  });
});

describe('plainText', () => {
  it('keeps identifiers with underscores and multiplication signs', () => {
    expect(plainText('use `snake_case_name` and 2 * 3 * 4')).toBe('use snake_case_name and 2 * 3 * 4');
    expect(plainText('_emphasis goes_, the **words** *stay*')).toBe('emphasis goes, the words stay');
  });
});

describe('splitLong', () => {
  it('loses no word and keeps every piece within the limit', () => {
    const text = Array.from({ length: 700 }, (_, i) => (i % 17 === 16 ? `word${i}.` : `word${i}`)).join(' ');
    const pieces = splitLong(text);
    expect(pieces.length).toBeGreaterThan(4);
    expect(Math.max(...pieces.map((p) => p.length))).toBeLessThanOrEqual(MAX_PASSAGE);
    expect(pieces.join(' ')).toBe(text);
  });

  it('cuts a text without spaces', () => {
    const pieces = splitLong('x'.repeat(2 * MAX_PASSAGE + 1));
    expect(pieces.map((p) => p.length)).toEqual([MAX_PASSAGE, MAX_PASSAGE, 1]);
  });
});
