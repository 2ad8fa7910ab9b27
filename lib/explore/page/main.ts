// Wires the parts of the page to the server.

import type { FoundItem, Id } from './api.js';
import * as api from './api.js';
import { colourBy, plainColours } from './colours.js';
import { byId, count, element } from './dom.js';
import { ItemMap } from './item-map.js';
import { idText, itemView } from './item-view.js';
import { recallChart } from './recall-chart.js';
import { fieldTable, statistics } from './statistics.js';

const POLL_MILLISECONDS = 1000;

const map = new ItemMap(byId<HTMLCanvasElement>('map'), byId('map-frame'));
let hits: FoundItem[] = [];
let chosen: Id | undefined;
let points = 0;

function showProblem(error: unknown): void {
  const problem = byId('problem');
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = false;
}

/** Runs work that a button started; the button rests meanwhile. */
async function run(button: HTMLElement, work: () => Promise<void>): Promise<void> {
  byId('problem').hidden = true;
  button.setAttribute('disabled', '');
  try {
    await work();
  } catch (error) {
    showProblem(error);
  } finally {
    button.removeAttribute('disabled');
  }
}

const submitOf = (form: HTMLElement) => form.querySelector<HTMLElement>('button[type=submit]')!;

async function showMap(fresh: boolean): Promise<void> {
  byId('map-note').textContent = 'computing…';
  const data = await api.map(fresh);
  points = data.ids.length;
  map.show(data);
  await showColours();
  const [x, y] = data.explained.map((part) => `${Math.round(part * 100)}%`);
  byId('map-note').textContent = `${count(points)} items, principal components with ${x} and ${y} of the variance`;
}

async function showColours(): Promise<void> {
  const field = byId<HTMLSelectElement>('map-field').value;
  const { colours, legend } = field === '' ? plainColours(points) : colourBy(await api.values(field));
  map.colour(colours);
  byId('map-legend').replaceChildren(...legend);
}

function showHits(): void {
  byId('search-hits').replaceChildren(
    ...hits.map((hit) => {
      const button = element(
        'button',
        { type: 'button', 'aria-current': String(hit.id === chosen) },
        element('code', {}, idText(hit.id)),
        element('span', { class: 'score' }, hit.score === undefined ? '' : hit.score.toFixed(4)),
        element('span', { class: 'summary' }, JSON.stringify(hit.metadata)),
      );
      button.addEventListener('click', () => void open(hit.id));
      return element('li', {}, button);
    }),
  );
  map.mark(
    hits.map((hit) => hit.id),
    chosen,
  );
}

/** A whole number is a number, text in quotation marks or of any other form a string. */
function idOf(text: string): Id {
  const number = Number(text);
  if (Number.isSafeInteger(number) && String(number) === text) return number;
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}

function filterOf(text: string): api.Filter | undefined {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as api.Filter;
  } catch {
    throw new Error('The filter is no JSON. Example: {"year": {"$gte": 2020}}');
  }
}

async function search(): Promise<void> {
  const text = byId<HTMLInputElement>('search-id').value.trim();
  const filter = filterOf(byId<HTMLInputElement>('search-filter').value.trim());
  const k = Number(byId<HTMLInputElement>('search-k').value);
  const note = byId('search-note');
  if (text === '') {
    hits = await api.find(filter ?? {}, k);
    note.textContent = `${count(hits.length)} items${filter ? ' that match' : ''}`;
  } else {
    const id = idOf(text);
    const example = await api.item(id);
    if (example?.vector === undefined) throw new Error(`There is no item with the id ${idText(id)}.`);
    const found = await api.search(example.vector, k + 1, filter);
    hits = found.filter((hit) => hit.id !== id).slice(0, k);
    note.textContent = `${count(hits.length)} nearest to ${idText(id)}${filter ? ' that match' : ''}`;
  }
  showHits();
}

async function open(id: Id): Promise<void> {
  const item = await api.item(id);
  chosen = id;
  const similar = () => {
    byId<HTMLInputElement>('search-id').value = idText(id);
    void run(submitOf(byId('search-form')), search);
  };
  const view = item
    ? itemView(item, similar)
    : [element('p', { class: 'note' }, `${idText(id)} is not there any more.`)];
  byId('item').replaceChildren(...view);
  showHits();
}

function showStats(stats: api.Stats): void {
  byId('stats').replaceChildren(...statistics(stats));
  const { running, done, total } = stats.build;
  byId('build').hidden = !running;
  const bar = byId<HTMLProgressElement>('build-bar');
  bar.max = Math.max(1, total);
  bar.value = done;
  byId('build-text').textContent = running ? `${count(done)} of ${count(total)}` : '';
}

async function poll(): Promise<void> {
  try {
    if (!document.hidden) showStats(await api.stats());
    setTimeout(poll, POLL_MILLISECONDS);
  } catch (error) {
    showProblem(new Error(`The server does not answer any more: ${(error as Error).message}`));
  }
}

function showTip(index: number, x: number, y: number): void {
  const tip = byId('map-tip');
  const id = map.id(index);
  tip.hidden = id === undefined;
  if (id === undefined) return;
  tip.textContent = idText(id);
  const frame = tip.parentElement!;
  tip.style.left = `${Math.min(x + 14, frame.clientWidth - tip.offsetWidth - 4)}px`;
  tip.style.top = `${Math.max(4, y - tip.offsetHeight - 10)}px`;
}

async function start(): Promise<void> {
  const { path, readOnly, stats, fields } = await api.about();
  byId('path').textContent = path;
  byId('mode').textContent = readOnly ? 'read-only' : 'writable';
  document.title = `${path} – SageDB explorer`;
  byId('build-start').hidden = readOnly;
  showStats(stats);
  byId('fields').replaceChildren(fieldTable(fields));
  const select = byId<HTMLSelectElement>('map-field');
  select.replaceChildren(element('option', { value: '' }, 'all alike'));
  for (const field of fields) select.append(element('option', { value: field.path }, field.path));
  // The first field of few values shows most.
  const telling = fields.find(({ distinct }) => distinct !== undefined && distinct > 1 && distinct <= 12);
  select.value = telling?.path ?? '';

  map.onHover = showTip;
  map.onOpen = (id) => void open(id).catch(showProblem);
  select.addEventListener('change', () => void showColours().catch(showProblem));
  byId('map-again').addEventListener('click', (event) => run(event.currentTarget as HTMLElement, () => showMap(true)));
  byId('build-start').addEventListener('click', (event) =>
    run(event.currentTarget as HTMLElement, async () => void (await api.buildIndex())),
  );
  byId('search-form').addEventListener('submit', (event) => {
    event.preventDefault();
    void run(submitOf(byId('search-form')), search);
  });
  byId('recall-form').addEventListener('submit', (event) => {
    event.preventDefault();
    void run(submitOf(byId('recall-form')), async () => {
      const note = byId('recall-note');
      note.textContent = 'measuring…';
      const k = Number(byId<HTMLInputElement>('recall-k').value);
      const curve = await api.recall(k, Number(byId<HTMLInputElement>('recall-queries').value));
      byId('recall-chart').replaceChildren(recallChart(curve));
      note.textContent = `${count(curve.queries)} stored items as queries, each against an exact search of this data, one at a time.`;
    });
  });
  setTimeout(poll, POLL_MILLISECONDS);
  await showMap(false);
}

start().catch(showProblem);
