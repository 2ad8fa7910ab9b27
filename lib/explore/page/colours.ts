import { count, element, svg } from './dom.js';

// Okabe and Ito's colours, told apart with any colour vision, and two more; the last is for everything else.
const CATEGORIES = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#8a63d2', '#a5901e'];
const OTHER = '#8b95a3';
const MISSING = '#c3c9d1';
// From viridis: even steps of lightness.
const SCALE = ['#440154', '#414487', '#2a788e', '#22a884', '#7ad151', '#fde725'];

type Value = string | number | null;

export interface Colouring {
  colours: string[];
  legend: HTMLElement[];
}

/** One colour for all. */
export function plainColours(points: number): Colouring {
  return { colours: new Array<string>(points).fill(CATEGORIES[0]!), legend: [] };
}

/** Numbers of many different values get a scale, everything else categories. */
export function colourBy(values: readonly Value[]): Colouring {
  const numbers = values.filter((value): value is number => typeof value === 'number');
  const many = new Set(numbers).size > CATEGORIES.length;
  return many && numbers.length > values.length / 2 ? scaled(values, numbers) : categorised(values);
}

function scaled(values: readonly Value[], numbers: number[]): Colouring {
  const [least, greatest] = numbers.reduce(([a, b], n) => [Math.min(a, n), Math.max(b, n)], [numbers[0]!, numbers[0]!]);
  const colours = values.map((value) => {
    if (typeof value !== 'number') return MISSING;
    const place = greatest > least ? (value - least) / (greatest - least) : 0;
    return mixed(place * (SCALE.length - 1));
  });
  const steps = SCALE.map((colour, i) => {
    const value = least + ((greatest - least) * i) / (SCALE.length - 1);
    return entry(
      colour,
      Number.isInteger(least) && greatest - least > 20 ? String(Math.round(value)) : value.toPrecision(4),
    );
  });
  return { colours, legend: withMissing(steps, values) };
}

function mixed(place: number): string {
  const from = Math.min(SCALE.length - 2, Math.floor(place));
  const parts = (colour: string) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const [a, b] = [parts(SCALE[from]!), parts(SCALE[from + 1]!)];
  return `rgb(${a.map((part, i) => Math.round(part + (b[i]! - part) * (place - from))).join(' ')})`;
}

function categorised(values: readonly Value[]): Colouring {
  const counts = new Map<Value, number>();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || (String(a[0]) < String(b[0]) ? -1 : 1));
  const named = new Map(ranked.slice(0, CATEGORIES.length).map(([value], i) => [value, CATEGORIES[i]!]));
  const colours = values.map((value) => (value === null ? MISSING : (named.get(value) ?? OTHER)));
  const legend = Array.from(named, ([value, colour]) => entry(colour, `${value} (${count(counts.get(value)!)})`));
  const others = ranked.length - named.size;
  if (others > 0) legend.push(entry(OTHER, `${count(others)} more values`));
  return { colours, legend: withMissing(legend, values) };
}

function withMissing(legend: HTMLElement[], values: readonly Value[]): HTMLElement[] {
  return values.includes(null) ? [...legend, entry(MISSING, 'none')] : legend;
}

function entry(colour: string, text: string): HTMLElement {
  const dot = svg(
    'svg',
    { width: 11, height: 11, 'aria-hidden': 'true' },
    svg('circle', { cx: 5.5, cy: 5.5, r: 5, fill: colour }),
  );
  return element('li', {}, dot, text);
}
