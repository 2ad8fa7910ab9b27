import type { RecallCurve } from './api.js';
import { element, milliseconds, svg } from './dom.js';

const WIDTH = 760;
const HEIGHT = 300;
const LEFT = 56;
const RIGHT = 24;
const TOP = 18;
const BOTTOM = 44;

/** Recall up, latency to the right, one point per width of the search; the same numbers as a table below. */
export function recallChart(curve: RecallCurve): HTMLElement {
  const points = curve.points;
  const lowest = Math.min(0.9, ...points.map((point) => Math.floor(point.recall * 20) / 20));
  const slowest = Math.max(curve.exact.median, ...points.map((point) => point.median)) * 1.08;
  const x = (time: number) => LEFT + (time / slowest) * (WIDTH - LEFT - RIGHT);
  const y = (recall: number) => HEIGHT - BOTTOM - ((recall - lowest) / (1 - lowest)) * (HEIGHT - TOP - BOTTOM);
  const label = `Recall at ${curve.k} and median latency for ${points.length} widths of the search`;
  const chart = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label });
  for (let i = 0; i <= 4; i++) {
    const recall = lowest + ((1 - lowest) * i) / 4;
    chart.append(
      svg('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(recall), y2: y(recall) }),
      svg('text', { x: LEFT - 8, y: y(recall) + 4, 'text-anchor': 'end' }, recall.toFixed(3).replace(/0$/, '')),
    );
  }
  const step = roundStep(slowest / 5);
  for (let time = 0; time <= slowest; time += step) {
    const place = { x: x(time), y: HEIGHT - BOTTOM + 18, 'text-anchor': 'middle' };
    chart.append(svg('text', place, time === 0 ? '0' : milliseconds(time)));
  }
  chart.append(
    svg('text', { x: LEFT, y: 11 }, `recall@${curve.k}`),
    svg('text', { x: WIDTH - RIGHT, y: HEIGHT - 8, 'text-anchor': 'end' }, 'median latency of one search'),
    svg('polyline', {
      class: 'curve',
      points: points.map((point) => `${x(point.median)},${y(point.recall)}`).join(' '),
    }),
  );
  for (const [i, point] of points.entries()) {
    chart.append(
      svg('circle', { class: 'dot', cx: x(point.median), cy: y(point.recall), r: 4 }),
      // Turn by turn to the right and to the left, since neighbours may be close.
      svg(
        'text',
        i % 2
          ? { class: 'strong', x: x(point.median) - 7, y: y(point.recall) - 7, 'text-anchor': 'end' }
          : { class: 'strong', x: x(point.median) + 7, y: y(point.recall) + 16 },
        `ef ${point.ef}`,
      ),
    );
  }
  // A line, not a point: every search that is exact has recall 1, where the curve's points crowd.
  const exact = x(curve.exact.median);
  const [side, anchor] = exact > WIDTH / 2 ? [-6, 'end'] : [6, 'start'];
  chart.append(
    svg('line', { class: 'grid', x1: exact, x2: exact, y1: y(1), y2: y(lowest), 'stroke-dasharray': '4 4' }),
    svg('text', { x: exact + side, y: y(lowest) - 8, 'text-anchor': anchor }, 'exact search'),
  );
  return element('div', {}, chart as unknown as HTMLElement, table(curve));
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

function table({ points, exact, k }: RecallCurve): HTMLElement {
  const row = (cells: string[], kind = 'td') => element('tr', {}, ...cells.map((cell) => element(kind, {}, cell)));
  return element(
    'table',
    {},
    element('thead', {}, row(['ef', `recall@${k}`, 'median', '95% within'], 'th')),
    element(
      'tbody',
      {},
      ...points.map((p) => row([String(p.ef), p.recall.toFixed(4), milliseconds(p.median), milliseconds(p.p95)])),
      row(['exact', '1.0000', milliseconds(exact.median), milliseconds(exact.p95)]),
    ),
  );
}
