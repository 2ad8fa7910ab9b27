// Line charts as plain SVG text: no dependency, readable on light and dark pages, small diffs.

export interface Series {
  name: string;
  points: { x: number; y: number }[];
}

export interface Chart {
  title: string;
  x: Axis;
  y: Axis;
  series: Series[];
}

export interface Axis {
  label: string;
  log?: boolean;
  min?: number;
  max?: number;
  /** Ticks; chosen when absent. */
  ticks?: number[];
}

const WIDTH = 760;
const HEIGHT = 440;
const PLOT = { left: 72, right: 590, top: 44, bottom: 384 };
const COLOURS = ['#d62728', '#1f77b4', '#2ca02c', '#ff7f0e', '#9467bd', '#8c564b', '#17becf'];

export function lineChart(chart: Chart): string {
  const series = chart.series.filter((s) => s.points.length > 0);
  const x = scale(
    chart.x,
    series.flatMap((s) => s.points.map((p) => p.x)),
    PLOT.left,
    PLOT.right,
  );
  const y = scale(
    chart.y,
    series.flatMap((s) => s.points.map((p) => p.y)),
    PLOT.bottom,
    PLOT.top,
  );
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(PLOT.left, 24, chart.title, 'start', '15', 'bold'),
  ];
  for (const tick of x.ticks) {
    const at = x.at(tick);
    parts.push(rule(at, PLOT.top, at, PLOT.bottom), text(at, PLOT.bottom + 18, label(tick), 'middle'));
  }
  for (const tick of y.ticks) {
    const at = y.at(tick);
    parts.push(rule(PLOT.left, at, PLOT.right, at), text(PLOT.left - 8, at + 4, label(tick), 'end'));
  }
  parts.push(
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 16, chart.x.label, 'middle'),
    `<text transform="translate(18 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle" fill="#222">${escapeXml(chart.y.label)}</text>`,
  );
  series.forEach((one, i) => {
    const colour = COLOURS[i % COLOURS.length] as string;
    const points = one.points
      .filter((p) => x.inside(p.x) && y.inside(p.y))
      .map((p) => [x.at(p.x).toFixed(1), y.at(p.y).toFixed(1)] as const);
    parts.push(
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map((p) => p.join(',')).join(' ')}"/>`,
      ...points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`),
    );
    const row = PLOT.top + 14 + i * 20;
    parts.push(
      `<rect x="${PLOT.right + 16}" y="${row - 9}" width="12" height="12" fill="${colour}"/>`,
      text(PLOT.right + 34, row + 2, one.name, 'start'),
    );
  });
  parts.push('</svg>');
  return `${parts.join('\n')}\n`;
}

function scale(axis: Axis, values: number[], from: number, to: number) {
  const positive = axis.log ? values.filter((v) => v > 0) : values;
  let low = axis.min ?? Math.min(...positive);
  let high = axis.max ?? Math.max(...positive);
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [axis.log ? 1 : 0, axis.log ? 10 : 1];
  const ticks = axis.ticks ?? (axis.log ? logTicks(low, high) : linearTicks(axis.min ?? Math.min(0, low), high));
  low = axis.min ?? Math.min(low, ...ticks);
  high = axis.max ?? Math.max(high, ...ticks);
  const unit = (v: number) => (axis.log ? Math.log10(v) : v);
  const span = unit(high) - unit(low) || 1;
  return {
    ticks: ticks.filter((t) => t >= low && t <= high),
    inside: (v: number) => v >= low && v <= high,
    at: (v: number) => from + ((unit(v) - unit(low)) / span) * (to - from),
  };
}

function logTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of [1, 2, 5]) ticks.push(step * 10 ** power);
  }
  const first = ticks.findLastIndex((t) => t <= low);
  const last = ticks.findIndex((t) => t >= high);
  return ticks.slice(Math.max(0, first), last + 1);
}

function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((s) => s * power >= rough) as number) * power;
  const ticks: number[] = [];
  for (let t = Math.floor(low / step) * step; t < high + step; t += step) ticks.push(Number(t.toPrecision(12)));
  return ticks;
}

function label(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1000 ? `${value / 1000}K` : String(value);
}

function text(x: number, y: number, content: string, anchor: string, size = '12', weight = 'normal'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="#222">${escapeXml(content)}</text>`;
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#e2e2e2"/>`;
}

function escapeXml(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
