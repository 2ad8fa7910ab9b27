// Property: every documentation comment comes out once, with the name of the symbol below it and its line, without examples.
import { describe, expect, it } from 'vitest';
import { declarationPassages, symbolName } from '../../demo/declarations.js';

const SOURCE = `// a plain comment with many words is not documentation
/**
 * Reads the whole file into a buffer, see {@link readFileSync}.
 * @param path the file that is to be read
 * @example
 * readFile('never part of the text of a passage');
 */
export declare function readFile(path: string): Promise<Buffer>;

interface Options {
    /** The encoding of the strings that are written. */
    readonly encoding?: string;
    /** too short */
    flag: boolean;
}
`;

describe('declarationPassages', () => {
  it('takes comments with their symbols and lines', () => {
    expect(declarationPassages(SOURCE)).toEqual([
      {
        kind: 'declaration',
        line: 2,
        title: 'readFile',
        text: 'Reads the whole file into a buffer, see readFileSync. path the file that is to be read',
      },
      { kind: 'declaration', line: 11, title: 'encoding', text: 'The encoding of the strings that are written.' },
    ]);
  });
});

describe('symbolName', () => {
  it.each([
    ['export default abstract class Foo<T> extends Bar {', 'Foo'],
    ['    static readonly max: number;', 'max'],
    ['get size(): number;', 'size'],
    ["declare module 'node:fs' {", 'node:fs'],
    ['(a: string): void;', ''],
    ['}', ''],
    ['type A = string;', 'A'],
  ])('%s', (line, name) => {
    expect(symbolName(line)).toBe(name);
  });
});
