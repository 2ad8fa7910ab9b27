import type { FieldSummary, Stats } from './api.js';
import { bytes, count, element } from './dom.js';

export function statistics(stats: Stats): HTMLElement[] {
  const facts: [string, string][] = [
    ['Items', count(stats.size)],
    ['Dimension', count(stats.dimension)],
    ['Metric', stats.metric],
    ['Index', stats.indexKind],
    ['Indexed rows', count(stats.indexedRows)],
    ['Not indexed yet', count(stats.freshRows)],
    ['Removed, not reclaimed', count(stats.deletedRows)],
    ['On disk', bytes(stats.storage.segmentBytes + stats.storage.logBytes)],
    ['In memory', bytes(stats.memory.total)],
    ['Kernels', stats.kernels],
    ['Threads', count(stats.threads)],
    ['Searches', count(stats.totalSearches)],
  ];
  return facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value)));
}

export function fieldTable(fields: readonly FieldSummary[]): HTMLElement {
  if (fields.length === 0) return element('p', { class: 'note' }, 'The items have no metadata.');
  const cells = (kind: string, values: string[]) =>
    element('tr', {}, ...values.map((value) => element(kind, {}, value)));
  return element(
    'table',
    {},
    element('thead', {}, cells('th', ['Field', 'Type', 'In', 'Values'])),
    element(
      'tbody',
      {},
      ...fields.map(({ path, types, share, range, examples, distinct }) =>
        cells('td', [
          path,
          types.join(', '),
          `${Math.round(share * 100)}%`,
          range && (distinct ?? 99) > 3
            ? `${range[0]} … ${range[1]}`
            : examples.map((value) => String(value)).join(', '),
        ]),
      ),
    ),
  );
}
