import type { Id, MapData } from './api.js';

const MARGIN = 18;
const NEAR_PIXELS = 14;

type Direction = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown';
const STEPS: Record<Direction, [x: number, y: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The canvas with one dot per sampled item. */
export class ItemMap {
  readonly #canvas: HTMLCanvasElement;
  #data: MapData = { ids: [], x: [], y: [], explained: [0, 0] };
  #colours: string[] = [];
  /** Positions in CSS pixels. */
  #x: number[] = [];
  #y: number[] = [];
  #marked = new Set<Id>();
  #hovered = -1;
  #chosen: Id | undefined;
  /** A point is under the pointer or the keyboard's focus; −1: none. */
  onHover: (index: number, x: number, y: number) => void = () => {};
  onOpen: (id: Id) => void = () => {};

  /** `frame` takes the keyboard's focus. */
  constructor(canvas: HTMLCanvasElement, frame: HTMLElement) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#place()).observe(canvas);
    canvas.addEventListener('pointermove', (event) => this.#hover(this.#nearest(event.offsetX, event.offsetY)));
    canvas.addEventListener('pointerleave', () => this.#hover(-1));
    canvas.addEventListener('click', (event) => this.#open(this.#nearest(event.offsetX, event.offsetY)));
    frame.addEventListener('keydown', (event) => this.#key(event));
    frame.addEventListener('blur', () => this.#hover(-1));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
  }

  show(data: MapData): void {
    this.#data = data;
    this.#hovered = -1;
    this.#place();
  }

  colour(colours: string[]): void {
    this.#colours = colours;
    this.#draw();
  }

  /** Rings around hits, and a heavier one around the item in view. */
  mark(ids: Iterable<Id>, chosen: Id | undefined): void {
    this.#marked = new Set(ids);
    this.#chosen = chosen;
    this.#draw();
  }

  id(index: number): Id | undefined {
    return this.#data.ids[index];
  }

  #place(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#x = spread(this.#data.x, width);
    // Up is up.
    this.#y = spread(this.#data.y, height).map((y) => height - y);
    this.#draw();
  }

  #draw(): void {
    const context = this.#canvas.getContext('2d');
    if (context === null) return;
    const ratio = devicePixelRatio || 1;
    const style = getComputedStyle(this.#canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    const radius = this.#x.length > 800 ? 2.6 : 3.6;
    context.globalAlpha = 0.78;
    for (let i = 0; i < this.#x.length; i++) {
      context.fillStyle = this.#colours[i] ?? '#0072b2';
      context.beginPath();
      context.arc(this.#x[i]!, this.#y[i]!, radius, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    context.strokeStyle = style.color;
    for (const [i, id] of this.#data.ids.entries()) {
      const width = id === this.#chosen || i === this.#hovered ? 2.5 : this.#marked.has(id) ? 1.3 : 0;
      if (width === 0) continue;
      context.lineWidth = width;
      context.beginPath();
      context.arc(this.#x[i]!, this.#y[i]!, radius + 3, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #nearest(x: number, y: number): number {
    let best = -1;
    let least = NEAR_PIXELS ** 2;
    for (let i = 0; i < this.#x.length; i++) {
      const distance = (this.#x[i]! - x) ** 2 + (this.#y[i]! - y) ** 2;
      if (distance < least) {
        least = distance;
        best = i;
      }
    }
    return best;
  }

  #hover(index: number): void {
    if (index === this.#hovered) return;
    this.#hovered = index;
    this.#draw();
    this.onHover(index, this.#x[index] ?? 0, this.#y[index] ?? 0);
  }

  #open(index: number): void {
    const id = this.#data.ids[index];
    if (id !== undefined) this.onOpen(id);
  }

  #key(event: KeyboardEvent): void {
    if (event.key === 'Enter') this.#open(this.#hovered);
    const step = STEPS[event.key as Direction];
    if (step === undefined) return;
    event.preventDefault();
    this.#hover(this.#hovered < 0 ? this.#middle() : this.#towards(step));
  }

  #middle(): number {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    return this.#x.reduce(
      (best, x, i) =>
        (x - width / 2) ** 2 + (this.#y[i]! - height / 2) ** 2 <
        (this.#x[best]! - width / 2) ** 2 + (this.#y[best]! - height / 2) ** 2
          ? i
          : best,
      0,
    );
  }

  /** The nearest point within 45° of the direction; the same one at the edge. */
  #towards([stepX, stepY]: [number, number]): number {
    let best = this.#hovered;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#x.length; i++) {
      const dx = this.#x[i]! - this.#x[this.#hovered]!;
      const dy = this.#y[i]! - this.#y[this.#hovered]!;
      const along = dx * stepX + dy * stepY;
      const across = Math.abs(dx * stepY) + Math.abs(dy * stepX);
      if (along <= 0 || across > along || along + across >= least) continue;
      least = along + across;
      best = i;
    }
    return best;
  }
}

/** Coordinates to pixels; a few far outliers do not push all others together. */
function spread(values: readonly number[], size: number): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
  const least = at(0.002);
  const range = at(0.998) - least || 1;
  return values.map((value) => {
    const place = Math.min(1, Math.max(0, (value - least) / range));
    return MARGIN + place * (size - 2 * MARGIN);
  });
}
