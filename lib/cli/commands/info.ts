import { describeFields, type FieldSummary } from '../../metadata-fields.js';
import type { Stats } from '../../types.js';
import type { Command } from '../command.js';
import { openExisting } from '../database.js';
import { bytes, count, printFacts, printJson, table } from '../output.js';

const SAMPLE = 1000;

function vectorFacts({ dimension, metric, spaces }: Stats): [string, string][] {
  if (spaces === undefined) {
    return [
      ['dimension', count(dimension)],
      ['metric', metric],
    ];
  }
  return Object.entries(spaces).map(([name, of]) => [
    `space ${name}`,
    `${count(of.dimension)} components, ${of.metric}, ${count(of.rows)} rows, index ${bytes(of.memory.index)}`,
  ]);
}

function facts(path: string, stats: Stats): [string, string][] {
  const { memory, storage } = stats;
  return [
    ['path', path],
    ['items', count(stats.size)],
    ...vectorFacts(stats),
    ['index', `${stats.indexKind}, ${count(stats.indexedRows)} rows in it, ${count(stats.freshRows)} not yet`],
    ['removed rows', `${count(stats.deletedRows)} not reclaimed yet`],
    ['sequence', `${count(stats.sequence)} writes`],
    ['on disk', `${bytes(storage.segmentBytes)} and ${bytes(storage.logBytes)} of log`],
    [
      'in memory',
      `${bytes(memory.total)}: vectors ${bytes(memory.vectors)}, codes ${bytes(memory.codes)}, index ${bytes(memory.index)}, ` +
        `metadata ${bytes(memory.metadata)}, ids ${bytes(memory.ids)}`,
    ],
    ['kernels', stats.kernels],
  ];
}

function fieldLine({ path, share, types, distinct, examples }: FieldSummary): [string, string] {
  const values = distinct === undefined ? '' : `, ${distinct} distinct`;
  const shown = examples.map((value) => JSON.stringify(value)).join(', ');
  return [path, `${types.join(' | ')} in ${Math.round(share * 100)}%${values}: ${shown}`];
}

export const info: Command = {
  name: 'info',
  summary: 'what is in a database: size, metric, index, memory, storage and metadata fields',
  description: [
    `Opens the folder read-only, also beside a process that writes. Fields are those of the first ${count(SAMPLE)} items.`,
  ],
  positionals: ['path'],
  examples: [['sagedb info ./articles --json', 'everything, for programs']],
  async run({ positionals, json }) {
    const path = positionals[0]!;
    await using database = await openExisting(path, true);
    const fields = describeFields(await database.find({}, { limit: SAMPLE }));
    if (json) {
      printJson({ path, ...database.stats(), fields });
      return 0;
    }
    printFacts(facts(path, database.stats()));
    if (fields.length > 0) console.log(['', 'metadata fields', ...table(fields.map(fieldLine))].join('\n'));
    return 0;
  },
};
