import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { describeFields } from '../metadata-fields.js';
import { integerIn } from '../options.js';
import { valueAt } from '../paths.js';
import type { SageDB } from '../sage-db.js';
import { type SageDBServer, startServer } from '../server/server.js';
import { pageFiles } from './page-files.js';
import { type Projection, project } from './projection.js';
import { measureRecall } from './recall-curve.js';
import { joinVectors, type SampledItem, sampleItems } from './sample.js';

export interface ExplorerOptions {
  /** 0, the default: any free port. */
  port?: number;
  /** Shown on the page. */
  path: string;
  readOnly: boolean;
}

/** Items on the map. */
const MAP_ITEMS = 2000;
/** Values of one point that are sent for colours: what is longer is no category. */
const MAX_VALUE = 60;

/** No inline code, nothing from elsewhere, no framing. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

interface Sample {
  items: SampledItem[];
  projection: Projection;
}

/**
 * Serves the explorer of a database on 127.0.0.1, beside the routes of the database server. Whoever has `url` may use it: the token is in
 * its fragment, which browsers send to nobody, and the page sends it with every request.
 */
export async function startExplorer(
  database: SageDB,
  { port = 0, path, readOnly }: ExplorerOptions,
): Promise<{ server: SageDBServer; url: string }> {
  const token = randomBytes(24).toString('base64url');
  const files = await pageFiles();
  let sample: Promise<Sample> | undefined;
  const sampled = () => {
    // A failed attempt is not kept.
    sample ??= takeSample(database).catch((error: unknown) => {
      sample = undefined;
      throw error;
    });
    return sample;
  };

  const addRoutes = (app: FastifyInstance) => {
    for (const { url, type, body } of files) {
      app.get(url, { config: { open: true } as object }, (_request, reply) =>
        reply.headers(PAGE_HEADERS).type(type).send(body),
      );
    }
    app.get('/explore/about', async () => ({
      path,
      readOnly,
      stats: database.stats(),
      fields: describeFields(await database.find({}, { limit: 1000 })),
    }));
    app.get<{ Querystring: { fresh?: string } }>('/explore/map', async ({ query }) => {
      if (query.fresh !== undefined) sample = undefined;
      return mapOf(await sampled());
    });
    app.get<{ Querystring: { field?: string } }>('/explore/values', async ({ query }) => ({
      values: (await sampled()).items.map(({ metadata }) => colourValue(valueAt(metadata, query.field ?? ''))),
    }));
    app.get<{ Querystring: { k?: string; queries?: string } }>('/explore/recall', async ({ query, raw }) => {
      const k = integerIn(Number(query.k ?? 10), 'k', 1, 100);
      const queries = integerIn(Number(query.queries ?? 200), 'queries', 1, 1000);
      const { items } = await sampled();
      return whileConnected(raw.socket, (signal) => measureRecall(database, items.slice(0, queries), k, signal));
    });
  };

  const server = await startServer(database, { port, token, readOnly }, addRoutes);
  return { server, url: `${server.url}/#${token}` };
}

/** Nobody waits for a measurement whose page was closed. */
async function whileConnected<T>(socket: Socket, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const gone = new AbortController();
  const abort = () => gone.abort();
  socket.once('close', abort);
  try {
    return await work(gone.signal);
  } finally {
    socket.off('close', abort);
  }
}

async function takeSample(database: SageDB): Promise<Sample> {
  const items = await sampleItems(database, MAP_ITEMS);
  return { items, projection: await project(joinVectors(items, database.dimension), database.dimension) };
}

function mapOf({ items, projection }: Sample): object {
  return {
    ids: items.map(({ id }) => id),
    x: Array.from(projection.x),
    y: Array.from(projection.y),
    explained: projection.explained,
  };
}

/** A category or a number; null where there is neither. */
function colourValue(value: unknown): string | number | null {
  const first = Array.isArray(value) ? value[0] : value;
  if (typeof first === 'number') return first;
  if (typeof first === 'boolean') return String(first);
  return typeof first === 'string' ? first.slice(0, MAX_VALUE) : null;
}
