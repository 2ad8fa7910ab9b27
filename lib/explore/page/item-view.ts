import type { FoundItem, Id } from './api.js';
import { count, element, svg } from './dom.js';

const WIDTH = 360;
const HEIGHT = 70;

/** `7` and `"7"` are two ids. */
export const idText = (id: Id) => JSON.stringify(id);

/** Id, metadata and vector of one item, and a button that searches for what is like it. */
export function itemView(item: FoundItem, onSimilar: () => void): HTMLElement[] {
  const similar = element('button', { type: 'button', id: 'item-similar' }, 'Find similar');
  similar.addEventListener('click', onSimilar);
  const vector = item.vector ?? [];
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return [
    element('div', { class: 'row' }, element('code', { id: 'item-id' }, idText(item.id)), similar),
    element('pre', { tabindex: '0', 'aria-label': 'Metadata' }, JSON.stringify(item.metadata, null, 2)),
    element('p', { class: 'note' }, `${count(vector.length)} components, length ${length.toPrecision(4)}`),
    bars(vector) as unknown as HTMLElement,
  ];
}

/** Components as bars around zero; of many, the one of greatest size in each column. */
function bars(vector: readonly number[]): SVGElement {
  const columns = Math.min(vector.length, WIDTH / 2);
  const values = Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * vector.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * vector.length) / columns));
    return vector.slice(from, to).reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  });
  const greatest = Math.max(...values.map(Math.abs), Number.MIN_VALUE);
  const width = WIDTH / Math.max(1, columns);
  const path = values.map((value, i) => {
    const height = (value / greatest) * (HEIGHT / 2 - 2);
    return `M${(i * width).toFixed(1)} ${HEIGHT / 2}v${(-height).toFixed(1)}h${(width * 0.8).toFixed(1)}V${HEIGHT / 2}z`;
  });
  return svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': 'Components of the vector' },
    svg('path', { class: 'bars', d: path.join('') }),
    svg('line', { class: 'grid', x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 }),
  );
}
