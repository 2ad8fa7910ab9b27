// npm run demo: index the documentation that npm installed on this machine, and search it. See README.md.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SageDB } from '../lib/index.js';
import { type Corpus, readCorpus } from './corpus.js';
import { Embedder } from './embedder.js';
import { exactNeighbors, recall } from './exact.js';
import type { Passage } from './passage.js';
import { seconds, Terminal, thousands } from './terminal.js';
import { documentText, sampleQueries } from './text.js';

const DIMENSION = 768;
const CHUNK = 1000;
const K = 10;
const EXAMPLES: { text: string; kind?: Passage['kind'] }[] = [
  { text: 'compress data with gzip' },
  { text: 'histogram of event loop delays' },
  { text: 'turn a glob pattern into a regular expression' },
  { text: 'data transferred by drag and drop' },
  { text: 'parse command line arguments', kind: 'markdown' },
  { text: 'encrypt with a public key', kind: 'declaration' },
];

const USAGE = `Usage: npm run demo -- [options]

  --root <folder>    folder to read, default node_modules of this project
  --rows <n>         index at most n passages, evenly spread (default 200000)
  --query <text>     search for this instead of the examples (repeatable)
  --no-prompt        end after the examples, also on a terminal
  --help             this text
`;

const options = {
  root: { type: 'string' },
  rows: { type: 'string', default: '200000' },
  query: { type: 'string', multiple: true },
  'no-prompt': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const terminal = new Terminal();

/** Vectors of all passages, row after row. Yields to the event loop between chunks so that Ctrl-C works. */
async function embedAll(corpus: Corpus, embedder: Embedder, signal: AbortSignal): Promise<Float32Array> {
  const { passages } = corpus;
  for (const passage of passages) embedder.fit(documentText(passage));
  const matrix = new Float32Array(passages.length * DIMENSION);
  for (let row = 0; row < passages.length; row++) {
    embedder.embedInto(documentText(passages[row] as Passage), matrix.subarray(row * DIMENSION, (row + 1) * DIMENSION));
    if ((row + 1) % CHUNK === 0 || row + 1 === passages.length) {
      terminal.progress('Embedding', row + 1, passages.length);
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
  }
  return matrix;
}

/** Adds everything (ids are the positions in the corpus) and waits until every row is in the graph. */
async function load(
  db: SageDB<Passage>,
  corpus: Corpus,
  matrix: Float32Array,
  signal: AbortSignal,
): Promise<{ add: number; build: number }> {
  const { passages } = corpus;
  const start = performance.now();
  for (let row = 0; row < passages.length; row += CHUNK) {
    const end = Math.min(row + CHUNK, passages.length);
    const ids = Array.from({ length: end - row }, (_, i) => row + i);
    await db.addBatch(matrix.subarray(row * DIMENSION, end * DIMENSION), passages.slice(row, end), { ids, signal });
    terminal.progress('Adding   ', end, passages.length);
  }
  const added = performance.now();
  await db.buildIndex({ signal, onProgress: ({ done, total }) => terminal.progress('Indexing ', done, total) });
  return { add: added - start, build: performance.now() - start };
}

async function measure(db: SageDB<Passage>, queries: Float32Array[], matrix: Float32Array): Promise<void> {
  const exactQueries = queries.slice(0, 100);
  const truth = exactNeighbors(matrix, DIMENSION, exactQueries, K);
  const found = await db.batchSearch(exactQueries, { k: K, includeMetadata: false });
  const wide = await db.batchSearch(exactQueries, { k: K, ef: 600, includeMetadata: false });
  const rows = (results: { id: string | number }[][]) => results.map((hits) => hits.map((hit) => hit.id as number));

  terminal.fact(
    `recall@${K}, default`,
    `${recall(rows(found), truth).toFixed(3)}  (${exactQueries.length} queries against exact search)`,
  );
  terminal.fact(`recall@${K}, ef: 600`, recall(rows(wide), truth).toFixed(3));
  const perSecond = async (run: () => Promise<unknown>, count: number) => {
    await run();
    const start = performance.now();
    let searches = 0;
    while (performance.now() - start < 800) {
      await run();
      searches += count;
    }
    return `${thousands((searches * 1000) / (performance.now() - start))} searches/s`;
  };
  let next = 0;
  const one = () => db.search(queries[next++ % queries.length] as Float32Array, { k: K });
  terminal.fact('one after another', await perSecond(one, 1));
  terminal.fact('64 at a time', await perSecond(() => Promise.all(Array.from({ length: 64 }, one)), 64));
  terminal.fact(
    `batches of ${thousands(queries.length)}`,
    await perSecond(() => db.batchSearch(queries, { k: K }), queries.length),
  );
}

async function answer(
  db: SageDB<Passage>,
  embedder: Embedder,
  text: string,
  kind?: Passage['kind'],
  k = 3,
): Promise<void> {
  const query = embedder.embed(text);
  const start = performance.now();
  const filter = kind === undefined ? undefined : { kind };
  const hits = await db.search(query, { k, filter });
  const took = performance.now() - start;
  const scope = kind === undefined ? '' : kind === 'markdown' ? ', Markdown only' : ', declarations only';
  const note = `${took.toFixed(2)} ms${scope}`;
  terminal.line();
  terminal.line(
    `${terminal.style('cyan', '›')} ${terminal.style('bold', text)}  ${terminal.style('dim', `(${note})`)}`,
  );
  for (const [i, hit] of hits.entries()) terminal.passage(i + 1, hit.score, hit.metadata);
  if (hits.length === 0) terminal.line('  nothing found');
}

async function prompt(db: SageDB<Passage>, embedder: Embedder): Promise<void> {
  terminal.heading('Your turn');
  terminal.line(
    terminal.style(
      'dim',
      '  Type what you look for. «md …» searches Markdown only, «api …» declarations only. Ctrl-D or an empty line ends.',
    ),
  );
  const reader = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: `\n${terminal.style('cyan', 'search ›')} `,
  });
  reader.on('SIGINT', () => reader.close());
  reader.prompt();
  for await (const line of reader) {
    const [, scope, text = ''] = /^\s*(?:(md|api)\s+)?(.*?)\s*$/.exec(line) ?? [];
    if (text === '') break;
    await answer(db, embedder, text, scope === 'md' ? 'markdown' : scope === 'api' ? 'declaration' : undefined, 5);
    reader.prompt();
  }
  reader.close();
}

async function run(
  root: string,
  rows: number,
  queries: string[] | undefined,
  interactive: boolean,
  signal: AbortSignal,
): Promise<void> {
  const start = performance.now();
  terminal.heading('SageDB demo: search the documentation that npm installed here');
  const corpus = readCorpus(root, rows, (done, total) => terminal.progress('Reading  ', done, total));
  if (corpus.passages.length === 0)
    throw new Error(`no Markdown or declaration files below ${root}; run npm ci first or pass --root`);
  const readTime = performance.now() - start;
  const embedder = new Embedder(DIMENSION);
  const embedStart = performance.now();
  const matrix = await embedAll(corpus, embedder, signal);
  const embedTime = performance.now() - embedStart;

  const db = await SageDB.open<Passage>({ dimension: DIMENSION, metric: 'cosine', index: { type: 'hnsw' } });
  try {
    const times = await load(db, corpus, matrix, signal);
    const { passages } = corpus;
    const stats = db.stats();
    const markdown = passages.filter((p) => p.kind === 'markdown').length;
    terminal.heading('What was indexed');
    terminal.fact(
      'rows',
      `${thousands(db.size)}  (${thousands(markdown)} Markdown paragraphs, ${thousands(passages.length - markdown)} declaration comments)`,
    );
    terminal.fact(
      'from',
      `${thousands(corpus.files)} files of ${corpus.packages} packages; ${thousands(corpus.duplicates)} identical passages left out`,
    );
    terminal.fact(
      'vectors',
      `${DIMENSION} dimensions, cosine, hashed TF-IDF; kernels ${stats.kernels}, ${stats.threads} threads`,
    );
    terminal.fact('read / embed', `${seconds(readTime)} / ${seconds(embedTime)}`);
    terminal.fact(
      'build',
      `${seconds(times.build)}, of which adding ${seconds(times.add)}: ${thousands((db.size * 1000) / times.build)} rows/s`,
    );
    terminal.fact(
      'memory',
      `${thousands(stats.memory.total / 1e6)} MB in the engine, ${thousands(process.memoryUsage().rss / 1e6)} MB in the process`,
    );

    terminal.heading('How fast and how exact');
    const sample = sampleQueries(passages, 1000).map((text) => embedder.embed(text));
    await measure(db, sample, matrix);

    terminal.heading('What it finds');
    for (const example of queries?.map((text) => ({ text, kind: undefined })) ?? EXAMPLES)
      await answer(db, embedder, example.text, example.kind);
    terminal.line();
    terminal.line(terminal.style('dim', `Everything took ${seconds(performance.now() - start)}.`));
    if (interactive) await prompt(db, embedder);
  } finally {
    await db.close();
  }
}

async function main(): Promise<number> {
  let values: ReturnType<typeof parse>;
  try {
    values = parse();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const root = path.resolve(values.root ?? fileURLToPath(new URL('../node_modules', import.meta.url)));
  const rows = Number(values.rows);
  if (!existsSync(root) || !Number.isInteger(rows) || rows < 1) {
    process.stderr.write(
      existsSync(root) ? `--rows: expected a positive integer, got ${values.rows}\n` : `${root} does not exist\n`,
    );
    return 2;
  }
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true && !values['no-prompt'];
  try {
    await run(root, rows, values.query, interactive, abort.signal);
    return 0;
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    terminal.line('Interrupted.');
    return 130;
  }
}

function parse() {
  return parseArgs({ options, allowPositionals: false }).values;
}

process.exitCode = await main();
