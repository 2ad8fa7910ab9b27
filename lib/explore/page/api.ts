import type { FieldSummary } from '../../metadata-fields.js';
import type { Id, Stats } from '../../types.js';
import type { RecallCurve } from '../recall-curve.js';

export type { FieldSummary, Id, RecallCurve, Stats };

export interface About {
  path: string;
  readOnly: boolean;
  stats: Stats;
  fields: FieldSummary[];
}

export interface MapData {
  ids: Id[];
  x: number[];
  y: number[];
  explained: [number, number];
}

export interface FoundItem {
  id: Id;
  metadata: Record<string, unknown>;
  vector?: number[];
  score?: number;
}

export type Filter = Record<string, unknown>;

// The fragment never leaves the browser by itself.
const token = location.hash.slice(1);

async function request<T>(url: string, body?: object): Promise<T> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  throw new Error(answer.error?.message ?? `${response.status} ${response.statusText}`);
}

async function operation<T>(name: string, body: object): Promise<T> {
  return (await request<{ result: T }>(`/v1/${name}`, body)).result;
}

export const about = () => request<About>('/explore/about');
export const stats = async () => (await request<{ result: Stats }>('/v1/stats')).result;
export const map = (fresh: boolean) => request<MapData>(`/explore/map${fresh ? '?fresh=1' : ''}`);
export const values = async (field: string) =>
  (await request<{ values: (string | number | null)[] }>(`/explore/values?field=${encodeURIComponent(field)}`)).values;
export const recall = (k: number, queries: number) => request<RecallCurve>(`/explore/recall?k=${k}&queries=${queries}`);
export const buildIndex = () => operation<null>('buildIndex', {});
export const find = (filter: Filter, limit: number) => operation<FoundItem[]>('find', { filter, limit });
export const search = (vector: number[], k: number, filter?: Filter) =>
  operation<FoundItem[]>('search', { vector, k, ...(filter && { filter }) });

export async function item(id: Id): Promise<FoundItem | undefined> {
  const [found] = await operation<(FoundItem | null)[]>('getMany', { ids: [id], includeVector: true });
  return found ?? undefined;
}
