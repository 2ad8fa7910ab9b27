// peers.md and the recall / speed plots.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DataFiles } from '../data/sets.js';
import { lineChart } from '../report/svg.js';
import { duration, megabytes, percent, short, table } from '../report/table.js';
import type { AtTarget, PeerResult } from './measure.js';

export interface SetResult {
  files: DataFiles;
  peers: PeerResult[];
}

const K = 10;

function speedTable(result: SetResult, target: number): string {
  const row = ({ name, targets }: PeerResult) => {
    const at = targets.find((t) => t.target === target);
    if (!at) return [name, 'not reached', '–', '–', '–', '–', '–', '–'];
    return [
      name,
      `${at.recall.toFixed(4)} (${at.ef})`,
      short(at.one.perSecond),
      duration(at.one.p99),
      short(at.sync?.perSecond),
      short(best(at)),
      duration(at.all.p99),
      `${at.all.loopMax.toFixed(1)} ms`,
    ];
  };
  const head = [
    '',
    `recall@${K} (ef)`,
    'one caller, searches/s',
    'p99',
    'synchronous',
    'all cores',
    'p99',
    'longest block of the loop',
  ];
  return table(head, result.peers.map(row));
}

function best(at: AtTarget): number {
  return Math.max(at.all.perSecond, at.batch?.perSecond ?? 0);
}

function buildTable(result: SetResult): string {
  const { rows } = result.files;
  return table(
    ['', 'rows/s', 'seconds', 'CPU seconds', 'memory', 'peak', 'on disk', 'loop delay p99', 'longest block'],
    result.peers.map(({ name, load }) => [
      name,
      short(rows / load.seconds),
      load.seconds.toFixed(1),
      load.cpuSeconds.toFixed(1),
      megabytes(load.memory),
      megabytes(load.peak),
      load.disk > 0 ? megabytes(load.disk) : '–',
      `${load.loopP99.toFixed(1)} ms`,
      `${load.loopMax.toFixed(0)} ms`,
    ]),
  );
}

function filterTable(result: SetResult, filters: number[]): string {
  return table(
    ['', ...filters.map((f) => `${f}% match: one caller, synchronous, all cores (recall; ef)`)],
    result.peers.map((peer) => [
      peer.name,
      ...filters.map((f) => {
        const rate = peer.filtered[f];
        if (!rate) return '–';
        const sync = rate.syncPerSecond === undefined ? '–' : short(rate.syncPerSecond);
        return `${short(rate.perSecond)}, ${sync}, ${short(rate.allPerSecond)} (${rate.recall.toFixed(3)}; ${rate.ef})`;
      }),
    ]),
  );
}

function mixedTable(result: SetResult): string {
  return table(
    [
      '',
      'operations/s',
      'search p50',
      'search p99',
      'inserted',
      'rows in the index at the end',
      'longest block of the loop',
    ],
    result.peers.map(({ name, mixed, problems }) =>
      mixed
        ? [
            name,
            short(mixed.perSecond),
            duration(mixed.searchP50),
            duration(mixed.searchP99),
            short(mixed.inserted),
            percent(mixed.indexedShare),
            `${mixed.loopMax.toFixed(0)} ms`,
          ]
        : [name, problems.find((p) => p.startsWith('mixed')) ?? '–', '–', '–', '–', '–', '–'],
    ),
  );
}

function plots(result: SetResult, folder: string): string[] {
  const { files, peers } = result;
  return (['one', 'all'] as const).map((kind) => {
    const name = `peers-${files.name}-${kind}.svg`;
    const chart = lineChart({
      title: `${files.title}: ${kind === 'one' ? 'one awaiting caller' : 'all cores'}`,
      x: { label: `recall@${K}`, min: 0.8, max: 1, ticks: [0.8, 0.85, 0.9, 0.95, 0.99, 1] },
      y: { label: 'searches per second', log: true },
      series: peers.map((peer) => ({ name: peer.name, points: peer.curve.map((c) => ({ x: c.recall, y: c[kind] })) })),
    });
    writeFileSync(path.join(folder, name), chart);
    return `![${files.title}, ${kind}](${name})`;
  });
}

export function writeReport(
  folder: string,
  machine: string[],
  results: SetResult[],
  targets: number[],
  filters: number[],
): void {
  const lines = [
    '# Beside the other packages',
    '',
    'Each package runs in a process of its own, on the same data, HNSW M = 16, efConstruction = 200, one after another; searches are measured in turns',
    'and medians are shown. ef is the narrowest of a fixed ladder that reaches the recall. «All cores» is the better of 64 searches in flight',
    'and one call with 1,000 queries, or one index copy per worker thread where a package has no other way. Memory is what the process grew by.',
    '',
    ...machine,
    '',
    ...(results[0]?.peers ?? []).map((peer) => `- **${peer.name}**: ${peer.note}`),
  ];
  for (const result of results) {
    lines.push(
      '',
      `## ${result.files.title}`,
      '',
      `${result.files.rows.toLocaleString('en')} × ${result.files.dimension}, ${result.files.metric}, 1,000 queries.`,
    );
    for (const target of targets) lines.push('', `### Searches at recall ${target}`, '', speedTable(result, target));
    lines.push('', ...plots(result, folder));
    lines.push('', '### Build', '', buildTable(result));
    lines.push('', '### Filtered, one caller', '', filterTable(result, filters));
    lines.push('', '### 90% searches, 10% inserts, 16 callers', '', mixedTable(result));
    const problems = result.peers.flatMap((peer) => peer.problems.map((p) => `- ${peer.name}: ${p}`));
    if (problems.length > 0) lines.push('', '### What did not work', '', ...problems);
  }
  writeFileSync(path.join(folder, 'peers.md'), `${lines.join('\n')}\n`);
}
