// npm run bench: the design's workloads over its four variants, written to docs/benchmarks/design.md. See README.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, runJsonLines } from './data/native-tools.js';
import { type DataFiles, findSet } from './data/sets.js';
import { machineLines } from './report/machine.js';
import { lineChart } from './report/svg.js';
import { duration, percent, short, table } from './report/table.js';

const { values } = parseArgs({
  options: {
    sets: { type: 'string' },
    variants: { type: 'string', default: 'sequential,mutex,rwlock,sagedb-f32,sagedb' },
    workloads: { type: 'string', default: 'search,batch,add,mixed,publication,rebuild' },
    threads: { type: 'string', default: '1,2,4,8' },
    seconds: { type: 'string' },
    recall: { type: 'string', default: '0.95' },
    out: { type: 'string', default: path.join(ROOT, 'docs', 'benchmarks') },
    quick: { type: 'boolean', default: false },
  },
});

type Row = Record<string, number | string>;
const TITLES: Record<string, string> = {
  sequential: 'sequential',
  mutex: 'lock in the binding',
  rwlock: 'reader-writer lock',
  'sagedb-f32': 'this design, fp32',
  sagedb: 'this design',
};

async function measure(files: DataFiles): Promise<Row[]> {
  const rows: Row[] = [];
  const quick = values.quick;
  const args = [
    ['base', files.base],
    ['query', files.query],
    ['truth', files.truth],
    ['extra', files.extra],
    ['dim', files.dimension],
    ['metric', files.metric],
    ['variants', values.variants],
    ['workloads', values.workloads],
    ['threads', values.threads],
    ['seconds', values.seconds ?? (quick ? 1 : 3)],
    ['recall', values.recall],
    ['rebuild-rows', quick ? 2000 : 10_000],
    ['batches', quick ? 3 : 10],
  ].flatMap(([name, value]) => [`--${name}`, String(value)]);
  await runJsonLines('sagedb_design_bench', args, (row) => {
    rows.push(row as Row);
    process.stderr.write(`  ${row.variant} ${row.workload} ${row.threads ?? ''}\n`);
  });
  return rows;
}

const num = (row: Row | undefined, key: string) => row?.[key] as number | undefined;
const of = (rows: Row[], workload: string, variant: string) =>
  rows.filter((row) => row.workload === workload && row.variant === variant);

function byThreads(rows: Row[], workload: string, variants: string[], cell: (row: Row) => string): string {
  const threads = [...new Set(rows.filter((r) => r.workload === workload).map((r) => r.threads as number))].sort(
    (a, b) => a - b,
  );
  return table(
    ['', ...threads.map((t) => `${t} thread${t === 1 ? '' : 's'}`)],
    variants.map((variant) => [
      TITLES[variant] ?? variant,
      ...threads.map((t) => {
        const row = of(rows, workload, variant).find((r) => r.threads === t);
        return row ? cell(row) : '–';
      }),
    ]),
  );
}

function plainTable(
  rows: Row[],
  workload: string,
  variants: string[],
  columns: [string, (row: Row) => string][],
): string {
  const lines = variants.flatMap((variant) =>
    of(rows, workload, variant).map((row) => [TITLES[variant] ?? variant, ...columns.map(([, cell]) => cell(row))]),
  );
  return table(['', ...columns.map(([name]) => name)], lines);
}

function chart(
  files: DataFiles,
  rows: Row[],
  variants: string[],
  workload: string,
  key: string,
  title: string,
): string {
  const name = `design-${files.name}-${workload}.svg`;
  const svg = lineChart({
    title: `${title}: ${files.title}`,
    x: { label: 'threads', log: true, ticks: [1, 2, 4, 8, 16] },
    y: { label: 'operations per second', log: true },
    series: variants.map((variant) => ({
      name: TITLES[variant] ?? variant,
      points: of(rows, workload, variant).map((row) => ({ x: row.threads as number, y: row[key] as number })),
    })),
  });
  writeFileSync(path.join(values.out, name), svg);
  return `![${title}](${name})`;
}

function section(files: DataFiles, rows: Row[]): string[] {
  const variants = values.variants.split(',');
  const us = (key: string) => (row: Row) => duration(num(row, key));
  const k = (key: string) => (row: Row) => short(num(row, key));
  return [
    '',
    `## ${files.title}`,
    '',
    `${files.rows.toLocaleString('en')} × ${files.dimension}, ${files.metric}, k = 10, M = 16, efConstruction = 200; each variant at the narrowest ef that reaches recall ${values.recall}.`,
    '',
    '### Searches per second (recall; CPUs used)',
    '',
    byThreads(
      rows,
      'search',
      variants,
      (r) => `${short(num(r, 'qps'))} (${num(r, 'recall')?.toFixed(3)}; ${num(r, 'cpu')?.toFixed(1)})`,
    ),
    '',
    'p99 of a search:',
    '',
    byThreads(rows, 'search', variants, us('p99_us')),
    '',
    chart(files, rows, variants, 'search', 'qps', 'Searches'),
    '',
    '### Batches of 100',
    '',
    plainTable(rows, 'batch', variants, [
      ['batches/s', k('batches_per_s')],
      ['searches/s', k('qps')],
      ['CPUs used', k('cpu')],
    ]),
    '',
    '### 90% searches, 10% inserts: operations per second, with the time until every row is indexed counted in (share of the CPU bound)',
    '',
    byThreads(rows, 'mixed', variants, (r) => `${short(num(r, 'sustained_ops'))} (${percent(num(r, 'share'))})`),
    '',
    'p99 of a search meanwhile:',
    '',
    byThreads(rows, 'mixed', variants, us('search_p99_us')),
    '',
    'Accepted in a burst, without waiting for the index (share of rows indexed at the end):',
    '',
    byThreads(rows, 'mixed', variants, (r) => `${short(num(r, 'ops'))} (${percent(num(r, 'indexed_share'))})`),
    '',
    chart(files, rows, variants, 'mixed', 'sustained_ops', '90/10 mix'),
    '',
    '### addBatch(1000)',
    '',
    plainTable(rows, 'add_batch', variants, [
      ['rows/s accepted', k('accepted_rows_per_s')],
      ['rows/s indexed', k('sustained_rows_per_s')],
      ['call returns in', us('batch_p50_us')],
      ['CPU per row', us('cpu_us_per_row')],
    ]),
    '',
    '### Rebuild after a large insert, without and with readers',
    '',
    plainTable(rows, 'rebuild', variants, [
      ['readers', k('threads')],
      ['rows', k('rows')],
      ['seconds', (r) => num(r, 'seconds')?.toFixed(2) ?? '–'],
      ['searches/s', k('searches_per_s')],
      ['search p99', us('search_p99_us')],
      ['longest search', us('search_max_us')],
      ['p99 with the cores busy otherwise', us('busy_cores_p99_us')],
    ]),
    '',
    '### Publication of 1,000 rows',
    '',
    plainTable(rows, 'publication', variants, [
      ['rows in the index', k('index_rows')],
      ['until searched from the index', (r) => duration((num(r, 'seconds_p50') ?? Number.NaN) * 1e6)],
      ['with a reader', (r) => duration((num(r, 'with_reader_seconds_p50') ?? Number.NaN) * 1e6)],
      ['search p99', us('search_p99_us')],
      ['longest search', us('search_max_us')],
    ]),
  ];
}

const DOCUMENT = [
  "The design document's own figures, 1M × 768 on 8 cores, for comparison: searches 120 (sequential), 480 (lock in the binding), 920 per second",
  'and at 1/2/4/8 threads 120/235/460/920; batches of 100 12 → 45 → 95; 90/10 mix 100 → 320 → 780 with p99 12 / 18 / 8 ms; addBatch(1000) 8K → 12K → 28K',
  'rows/s; background publication 0.3 s.',
];

mkdirSync(values.out, { recursive: true });
const sets = (values.sets ?? (values.quick ? 'clustered-20kx256' : 'clustered-200kx768,gloss,sift')).split(',');
const shown = process.argv.slice(2).filter((arg, i, all) => arg !== '--out' && all[i - 1] !== '--out');
const command = `npm run bench${shown.length > 0 ? ` -- ${shown.join(' ')}` : ''}`;
const lines = [
  '# The design beside its alternatives',
  '',
  'Same vectors, same starting graph, same kernels; the variants differ in how threads share the index (`bench/native/support/variant.h`). The',
  'baselines change one graph in place and search full-precision vectors; «this design» searches 7-bit codes and re-ranks, «this design, fp32» does not.',
  '',
  ...machineLines(command),
  '',
  ...DOCUMENT,
];
const figures: { set: string; rows: Row[] }[] = [];
for (const name of sets) {
  const files = findSet(name);
  if (!files) continue;
  process.stderr.write(`data set ${name}\n`);
  const rows = await measure(files);
  figures.push({ set: name, rows });
  lines.push(...section(files, rows));
  writeFileSync(path.join(values.out, 'design.md'), `${lines.join('\n')}\n`);
}
writeFileSync(path.join(values.out, 'design.json'), `${JSON.stringify(figures, null, 1)}\n`);
process.stdout.write(`written: ${path.relative(ROOT, path.join(values.out, 'design.md'))}\n`);
