import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { SageDBError } from '../../errors.js';
import type { SageDB } from '../../sage-db.js';
import type { SearchOptions, SearchResult } from '../../types.js';
import { integerOption, numberOption, objectOption, textOption } from '../arguments.js';
import { type Command, type Invocation, UsageError } from '../command.js';
import { idOf, openExisting } from '../database.js';
import { jsonText, printJson } from '../output.js';
import { parseVectors } from '../vector-text.js';

/** Two or more numbers between spaces, commas or semicolons. */
const NUMBERS = /^\s*[-+.\d][-+.\deE]*([\s,;]+[-+.\d][-+.\deE]*)+\s*$/;

type Hit = SearchResult<object, boolean, boolean>;

function searchOptions(invocation: Invocation): SearchOptions {
  const { options } = invocation;
  return {
    // A name that the stored database may have.
    space: textOption(invocation, 'space') as undefined,
    k: integerOption(invocation, 'k') ?? 10,
    filter: objectOption(invocation, 'filter') as SearchOptions['filter'],
    ef: integerOption(invocation, 'ef'),
    recall: numberOption(invocation, 'recall'),
    radius: numberOption(invocation, 'radius'),
    exact: options.exact === true,
    includeVector: options['include-vector'] === true,
  };
}

/** One list of hits per query. */
async function answers(database: SageDB, invocation: Invocation, options: SearchOptions): Promise<Hit[][]> {
  const id = textOption(invocation, 'id');
  if (id !== undefined) return [await database.search({ id: idOf(id) }, options)];
  return database.batchSearch(await queriesOf(textOption(invocation, 'vector') as string), options);
}

async function queriesOf(source: string): Promise<number[][]> {
  if (source === '-') return parseVectors(await textOf(process.stdin), 'standard input');
  // What begins with a bracket is meant as the vector, not as the name of a file, and so are numbers that stand side by side.
  if (source.startsWith('[') || NUMBERS.test(source)) return parseVectors(source, '--vector');
  if (existsSync(source)) return parseVectors(await readFile(source, 'utf8'), source);
  throw new SageDBError('NOT_FOUND', `--vector: ${source} is neither a file nor a vector, as [0.1, -2] or 0.1,-2`);
}

function line(hit: Hit, rank: number): string {
  const vector = hit.vector === undefined ? '' : `  ${jsonText(hit.vector)}`;
  return `${String(rank + 1).padStart(3)}  ${hit.score.toFixed(4).padStart(9)}  ${jsonText(hit.id)}  ${jsonText(hit.metadata)}${vector}`;
}

export const search: Command = {
  name: 'search',
  summary: 'the nearest items to a vector, or to a stored item',
  description: [
    'A query is one vector per line (JSON array, or numbers between spaces or commas), or one JSON document: an array of numbers or of such arrays. Several queries give several lists.',
    'Each hit is a line: rank, score (distance for l2, similarity for cosine and ip), id, metadata.',
    'Ids: 7 is a number; "7" in quotation marks, and whatever is no whole number, is a string.',
  ],
  positionals: ['path'],
  options: {
    vector: {
      kind: 'string',
      value: 'query',
      help: 'the query as [0.1, -2], or a file that holds it; - for standard input',
    },
    id: { kind: 'string', value: 'id', help: 'search for what is like this stored item' },
    space: { kind: 'string', value: 'name', help: 'the space that is searched, where there are several' },
    k: { kind: 'string', short: 'k', value: 'n', help: 'how many hits (default 10)' },
    filter: { kind: 'string', value: 'json', help: 'only items whose metadata match' },
    radius: { kind: 'string', value: 'x', help: 'l2: hits at this distance at most; otherwise of this score at least' },
    ef: { kind: 'string', value: 'n', help: 'width of the graph search' },
    recall: { kind: 'string', value: 'x', help: 'share of the true neighbours to aim at (default 0.95)' },
    exact: { kind: 'boolean', help: 'compare with every item' },
    'include-vector': { kind: 'boolean', help: 'show the vectors of the hits' },
  },
  examples: [
    ['sagedb search ./articles --vector query.json', 'the ten nearest to the vector in a file'],
    [`sagedb search ./articles --id 42 --filter '{"year": {"$gte": 2020}}'`, 'like item 42, but recent'],
    ['embed "a text" | sagedb search ./articles --vector - -k 3 --json', 'from a program of yours'],
  ],
  async run(invocation) {
    const { positionals, options, json } = invocation;
    if ((options.vector === undefined) === (options.id === undefined)) {
      throw new UsageError('one of --vector and --id is needed');
    }
    const searching = searchOptions(invocation);
    await using database = await openExisting(positionals[0]!, true);
    const lists = await answers(database, invocation, searching);
    if (json) printJson(lists.length === 1 ? lists[0] : lists);
    else console.log(lists.map((hits) => hits.map(line).join('\n') || '(no hits)').join('\n\n'));
    return 0;
  },
};
