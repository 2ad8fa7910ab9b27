// Property: the explorer works in a real browser: map, colours, search by id and filter, item view, recall curve, keyboard; it asks no
// other origin for anything, breaks no rule of its Content-Security-Policy, and logs no error.
//
// SAGEDB_SCREENSHOTS=<folder> keeps screenshots (docs/images).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startExplorer } from '../../lib/explore/explorer.js';
import { SageDB } from '../../lib/index.js';
import { clusteredVectors, randomNumbers } from '../../lib/random.js';
import type { SageDBServer } from '../../lib/server/index.js';
import { explorerPage } from '../../tsup.config.js';
import { chromium, launchChromium } from '../support/chromium.js';
import { CLI } from '../support/cli.js';

const ROWS = 6000;
const DIMENSION = 48;
const KINDS = ['news', 'essay', 'review', 'interview', 'letter'];
const screenshots = process.env.SAGEDB_SCREENSHOTS;

if (chromium === undefined) {
  console.warn('SKIPPED: the tests of the explorer page need Chromium (apt-get install chromium, or CHROMIUM=<path>)');
}

let folder: string;
let database: SageDB;
let server: SageDBServer;
let url: string;

/** Five clouds, so that the map shows something. */
async function fill(path: string): Promise<void> {
  await using db = await SageDB.open({ path, dimension: DIMENSION, metric: 'l2', index: { type: 'hnsw' } });
  const random = randomNumbers(5);
  const centres = clusteredVectors(KINDS.length, DIMENSION, 3, KINDS.length);
  const kinds = Array.from({ length: ROWS }, () => Math.floor(random() ** 1.4 * KINDS.length));
  const bell = () => random() + random() + random() - 1.5;
  const vectors = Float32Array.from({ length: ROWS * DIMENSION }, (_, i) => {
    const kind = kinds[Math.floor(i / DIMENSION)]!;
    return centres[kind * DIMENSION + (i % DIMENSION)]! * 0.9 + bell() * 0.55;
  });
  const metadata = kinds.map((kind, i) => ({
    title: `${['On', 'About', 'Beyond', 'Against'][i % 4]} ${['rivers', 'machines', 'winter', 'maps', 'bread'][i % 5]}`,
    kind: KINDS[kind]!,
    year: 1990 + Math.floor(random() * 35),
    author: { name: ['Ada', 'Alan', 'Grace', 'Edsger'][i % 4]! },
  }));
  await db.addBatch(vectors, metadata);
  await db.buildIndex();
}

beforeAll(async () => {
  await build({ ...explorerPage, config: false, silent: true });
  folder = await mkdtemp(join(tmpdir(), 'sagedb-explore-'));
  const path = join(folder, 'articles');
  await fill(path);
  database = await SageDB.open({ path, readOnly: true });
  ({ server, url } = await startExplorer(database, { path: './articles', readOnly: true }));
});

afterAll(async () => {
  await server.close();
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

describe('what the server gives', () => {
  const token = () => url.split('#')[1]!;
  const get = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers });

  it('listens on loopback; the token is long and new for every run', async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#[\w-]{32}$/);
    const other = await startExplorer(database, { path: '', readOnly: true });
    expect(other.url.split('#')[1]).not.toBe(token());
    await other.server.close();
  });

  it('gives the page to anybody, under a strict policy, and data only with the token', async () => {
    for (const [path, type] of [
      ['/', 'text/html'],
      ['/page.js', 'text/javascript'],
      ['/style.css', 'text/css'],
    ] as const) {
      const response = await get(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toContain(type);
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(response.headers.get('content-security-policy')).not.toContain('unsafe');
      expect(await response.text()).not.toContain(token());
    }
    for (const path of [
      '/explore/about',
      '/explore/map',
      '/explore/values?field=kind',
      '/explore/recall',
      '/v1/stats',
    ]) {
      expect((await get(path)).status).toBe(401);
      expect((await get(path, { authorization: `Bearer ${token().slice(1)}x` })).status).toBe(401);
    }
  });

  it('refuses writes and bad numbers', async () => {
    const headers = { authorization: `Bearer ${token()}`, 'content-type': 'application/json' };
    const write = await fetch(`${server.url}/v1/remove`, { method: 'POST', headers, body: '{"ids":[1]}' });
    expect(await write.json()).toMatchObject({ error: { code: 'READ_ONLY' } });
    expect((await get('/explore/recall?k=0', headers)).status).toBe(400);
    expect(await (await get('/explore/recall?queries=x', headers)).json()).toMatchObject({
      error: { code: 'INVALID_ARGUMENT' },
    });
  });
});

it('sagedb explore prints the address, serves until SIGTERM and leaves the folder as it was', async () => {
  const path = join(folder, 'articles');
  const before = (await readdir(path)).sort();
  const child = spawn(process.execPath, [...CLI, 'explore', path]);
  const exited = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const address = /^open (http:\/\/127\.0\.0\.1:\d+\/)#([\w-]{32})\n$/.exec(line.toString())!;
  expect(await (await fetch(address[1]!)).text()).toContain('SageDB explorer');
  const about = await fetch(`${address[1]}explore/about`, { headers: { authorization: `Bearer ${address[2]}` } });
  expect(await about.json()).toMatchObject({ path, readOnly: true, stats: { size: ROWS } });
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  expect((await readdir(path)).sort()).toEqual(before);
});

describe.skipIf(chromium === undefined)('in Chromium', () => {
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  const origins = new Set<string>();

  const text = (selector: string) => page.$eval(selector, (element) => element.textContent ?? '');
  const shown = (selector: string, pattern: RegExp) =>
    page.waitForFunction(`${pattern}.test(document.querySelector(${JSON.stringify(selector)})?.textContent ?? '')`);
  const shoot = async (name: string, clip?: string) => {
    if (screenshots === undefined) return;
    const target = clip === undefined ? page : (await page.$(clip))!;
    await target.screenshot({ path: join(screenshots, `${name}.png`) as `${string}.png` });
  };

  beforeAll(async () => {
    browser = await launchChromium();
    page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 760 });
    page.on('console', (message) => void (message.type() === 'error' && problems.push(message.text())));
    page.on('pageerror', (error) => void problems.push(String(error)));
    page.on('request', (request) => void origins.add(new URL(request.url()).origin));
    await page.goto(url);
    await shown('#map-note', /principal components/);
  });

  afterAll(() => browser?.close());

  it('shows what is in the database', async () => {
    expect(await text('#path')).toBe('./articles');
    expect(await text('#mode')).toBe('read-only');
    expect(await text('#stats')).toContain('Items6,000');
    expect(await text('#fields')).toContain('author.name');
    expect(await text('#map-note')).toMatch(/^2,000 items, .* with \d+% and \d+% of the variance$/);
  });

  it('colours the map by categories and by numbers', async () => {
    expect(await page.$eval('#map-field', (select) => (select as unknown as { value: string }).value)).toBe('kind');
    for (const kind of KINDS) expect(await text('#map-legend')).toContain(kind);
    await page.select('#map-field', 'year');
    await shown('#map-legend', /^1990.*2024$/);
    await page.select('#map-field', 'kind');
    await shown('#map-legend', /news/);
  });

  it('searches like an item with a filter, and shows the hits', async () => {
    await page.type('#search-id', '17');
    await page.type('#search-filter', '{"year": {"$gte": 2010}}');
    await page.click('#search-form button');
    await shown('#search-note', /10 nearest to 17 that match/);
    const expected = await database.search({ id: 17 }, { k: 10, filter: { year: { $gte: 2010 } } });
    const ids = await page.$$eval('#search-hits code', (all) => all.map((code) => code.textContent));
    expect(ids).toEqual(expected.map((hit) => String(hit.id)));
    await page.click('#search-hits button');
    await shown('#item-id', new RegExp(`^${expected[0]!.id}$`));
    expect(JSON.parse(await text('#item pre'))).toEqual(expected[0]!.metadata);
    await shoot('explorer');
  });

  it('a wrong filter is said in words', async () => {
    await page.click('#search-filter', { count: 3 });
    await page.type('#search-filter', '{"year": {"$gt": null}}');
    await page.click('#search-form button');
    await shown('#problem', /\$gt: expected a number/);
    // The browser reports the refused request; nothing else may be there.
    expect(problems.filter((problem) => !problem.includes('400'))).toEqual([]);
  });

  it('the map works with the keyboard', async () => {
    await page.focus('#map-frame');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowUp', 'ArrowLeft'] as const) await page.keyboard.press(key);
    const id = await text('#map-tip');
    expect(id).toMatch(/^\d+$/);
    await page.keyboard.press('Enter');
    await shown('#item-id', new RegExp(`^${id}$`));
  });

  it('measures recall and latency of this data', async () => {
    await page.click('#recall-form button');
    await shown('#recall-note', /200 stored items as queries/);
    const rows = await page.$$eval('#recall-chart tbody tr', (all) => all.map((row) => row.textContent ?? ''));
    expect(rows).toHaveLength(7);
    const recalls = await page.$$eval('#recall-chart tbody tr td:nth-child(2)', (all) =>
      all.map((td) => Number(td.textContent)),
    );
    expect(recalls.at(-2)).toBeGreaterThan(0.99);
    expect(recalls[0]).toBeLessThanOrEqual(recalls.at(-2)!);
    await shoot('explorer-recall', '#recall-panel');
  });

  it('has names for all controls, and asked nobody else for anything', async () => {
    const unnamed = await page.$$eval('input, select, button, [tabindex]', (all) =>
      all
        .filter((e) => {
          const control = e as unknown as { labels?: { length: number }; textContent: string };
          return !(control.labels?.length || e.getAttribute('aria-label') || control.textContent.trim());
        })
        .map((e) => e.id),
    );
    expect(unnamed).toEqual([]);
    expect([...origins].filter((origin) => origin !== server.url && origin !== 'null')).toEqual([]);
    expect(problems.filter((problem) => !problem.includes('400'))).toEqual([]);
  });

  it('of a writable database: builds the index and shows that it did', async () => {
    await using fresh = await SageDB.open({
      dimension: DIMENSION,
      metric: 'l2',
      index: { type: 'hnsw' },
      rebuildThreshold: 2 ** 30,
    });
    await fresh.addBatch(clusteredVectors(3000, DIMENSION, 9));
    const explorer = await startExplorer(fresh, { path: 'in memory', readOnly: false });
    const other = await browser.newPage();
    await other.goto(explorer.url);
    const stats = (part: string) =>
      other.waitForFunction(`document.querySelector('#stats').textContent.includes(${JSON.stringify(part)})`);
    await stats('Not indexed yet3,000');
    await other.click('#build-start');
    await stats('Not indexed yet0');
    expect(fresh.stats().indexedRows).toBe(3000);
    await other.close();
    await explorer.server.close();
  });

  it('fits a narrow window', async () => {
    await page.setViewport({ width: 420, height: 900 });
    const overflow = await page.$eval('html', (html) => (html as unknown as { scrollWidth: number }).scrollWidth);
    expect(overflow).toBeLessThanOrEqual(420);
    await page.setViewport({ width: 1280, height: 760 });
  });
});
