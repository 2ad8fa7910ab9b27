// Property: hostile requests are refused with the right status, change nothing, and do not hold up the others.
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, createServer, type SageDBServer, type ServerOptions } from '../../lib/server/index.js';
import { BINARY_TYPE, encodeFrame } from '../../lib/server/wire.js';
import { SequentialDatabase } from '../support/sequential-database.js';
import { until } from '../support/until.js';

const dimension = 4;
const token = 'a-token-of-some-length';
const json = { 'content-type': 'application/json' };
const servers: SageDBServer[] = [];

async function serve(options: ServerOptions = {}, delayMs = 0) {
  const database = new SequentialDatabase({ dimension, delayMs });
  await database.add([1, 0, 0, 0]);
  const server = await createServer(database, { port: 0, ...options });
  servers.push(server);
  const post = (path: string, body: RequestInit['body'], headers: Record<string, string> = json) =>
    fetch(`${server.url}${path}`, { method: 'POST', body, headers });
  const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code;
  return { database, server, post, codeOf };
}

/** A connection that is spoken to in raw bytes. */
async function dial(server: SageDBServer): Promise<{ socket: Socket; received: () => string; closed: () => boolean }> {
  const { port } = new URL(server.url);
  const socket = connectSocket(Number(port), '127.0.0.1');
  let text = '';
  let closed = false;
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  return { socket, received: () => text, closed: () => closed };
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe('bodies', () => {
  it('refuses malformed and wrongly shaped JSON', async () => {
    const { post, codeOf, database } = await serve();
    const bodies = [
      '{"vector": [1,0,0,0]',
      '',
      '[]',
      'null',
      '"text"',
      '{}',
      '{"vector":"text"}',
      '{"vector":[1,0,0,0],"k":"10"}',
      '{"vector":[1,0,0,0],"k":0}',
      '{"vector":[1,0,0,0],"unknown":1}',
      '{"vector":[1,0,0,0],"__proto__":{"k":1}}',
      '{"vector":[1,0,0,0],"filter":[]}',
      '{"vector":[1,0,0,null]}',
    ];
    for (const body of bodies) {
      const response = await post('/v1/search', body);
      expect([body, response.status]).toEqual([body, 400]);
      expect(await codeOf(response)).toBe('INVALID_ARGUMENT');
    }
    const short = await post('/v1/search', '{"vector":[1,0,0]}');
    expect([short.status, await codeOf(short)]).toEqual([400, 'DIMENSION_MISMATCH']);
    expect(database.size).toBe(1);
  });

  it('refuses binary bodies of every wrong length', async () => {
    const { post, codeOf, database } = await serve();
    const binary = { 'content-type': BINARY_TYPE };
    const good = Buffer.concat(encodeFrame('{"k":1}', new Float32Array([1, 0, 0, 0])));
    const answer = await post('/v1/search', good, binary);
    expect(await answer.json()).toMatchObject({ result: [{ id: 1 }] });
    for (let length = 0; length < good.length; length++) {
      const response = await post('/v1/search', good.subarray(0, length), binary);
      expect([length, response.status]).toEqual([length, 400]);
    }
    const huge = Buffer.from(good);
    huge.writeUInt32LE(0xffffffff, 0);
    expect((await post('/v1/search', huge, binary)).status).toBe(400);
    for (const floats of [3, 5, 8]) {
      const body = Buffer.concat(encodeFrame('{}', new Float32Array(floats).fill(1)));
      const response = await post('/v1/search', body, binary);
      expect([response.status, await codeOf(response)]).toEqual([400, 'DIMENSION_MISMATCH']);
    }
    const twice = Buffer.concat(encodeFrame('{"vector":[1,0,0,0]}', new Float32Array(4).fill(1)));
    expect((await post('/v1/add', twice, binary)).status).toBe(400);
    const notJson = Buffer.concat(encodeFrame('\u0000', new Float32Array(4).fill(1)));
    expect((await post('/v1/add', notJson, binary)).status).toBe(400);
    expect(database.size).toBe(1);
  });

  it('refuses bodies that are too large, before reading them, and other content types', async () => {
    const { server, post } = await serve({ maxBodyBytes: 1000 });
    expect((await post('/v1/search', `{"vector":[${'1,'.repeat(2000)}1]}`)).status).toBe(413);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      expect((await post('/v1/search', '{"vector":[1,0,0,0]}', { 'content-type': type })).status).toBe(415);
    }
    const { socket, received } = await dial(server);
    socket.write(
      'POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n',
    );
    await until(() => received().includes('\r\n'));
    expect(received()).toMatch(/^HTTP\/1\.1 413/);
    socket.destroy();
  });

  it('answers 404 to unknown routes and methods', async () => {
    const { server, post } = await serve();
    expect((await post('/v1/close', '{}')).status).toBe(404);
    expect((await fetch(`${server.url}/v1/search`)).status).toBe(404);
    expect((await fetch(`${server.url}/../../etc/passwd`)).status).toBe(404);
  });

  it('survives bytes that are no HTTP', async () => {
    const { server } = await serve();
    const { socket, closed } = await dial(server);
    socket.write('\x16\x03\x01\x02\x00\x01\x00garbage\r\n\r\n');
    await until(closed);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });
});

describe('access', () => {
  it('needs a token where other machines can reach it', async () => {
    const database = new SequentialDatabase({ dimension });
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com']) {
      await expect(createServer(database, { host, port: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await expect(createServer(database, { port: 0, token: 'short' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const server = await createServer(database, { host: '0.0.0.0', port: 0, token });
    servers.push(server);
    const { port } = new URL(server.url);
    expect((await fetch(`http://127.0.0.1:${port}/v1/stats`)).status).toBe(401);
  });

  it('refuses wrong tokens everywhere but at /health, without reading the body', async () => {
    const { server, post, database } = await serve({ token });
    const bad = ['', 'Bearer', 'Bearer ', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, token];
    for (const authorization of bad) {
      const headers = { ...json, authorization };
      expect((await post('/v1/add', '{"vector":[0,1,0,0]}', headers)).status).toBe(401);
      expect((await post('/v1/add', 'not even JSON', headers)).status).toBe(401);
      for (const path of ['/v1/stats', '/metrics', '/openapi.json']) {
        expect((await fetch(server.url + path, { headers: { authorization } })).status).toBe(401);
      }
    }
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    expect(database.size).toBe(1);
    await expect(connect(server.url)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const remote = await connect(server.url, { token });
    expect(await remote.count()).toBe(1);
    await remote.close();
  });

  it('without a token serves only requests that name this machine (DNS rebinding)', async () => {
    const { server } = await serve();
    const ask = async (host: string) => {
      const { socket, received } = await dial(server);
      socket.write(`GET /v1/stats HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      await until(() => received().includes('\r\n'));
      socket.destroy();
      return Number(received().split(' ')[1]);
    };
    expect(await ask('evil.example')).toBe(403);
    expect(await ask('localhost.evil.example:7700')).toBe(403);
    expect(await ask('localhost:7700')).toBe(200);
    expect(await ask('[::1]:7700')).toBe(200);
  });

  it('a read-only server refuses writes', async () => {
    const { post, codeOf, database } = await serve({ readOnly: true });
    const response = await post('/v1/add', '{"vector":[0,1,0,0]}');
    expect([response.status, await codeOf(response)]).toEqual([403, 'READ_ONLY']);
    expect((await post('/v1/search', '{"vector":[0,1,0,0]}')).status).toBe(200);
    expect(database.size).toBe(1);
  });
});

describe('load', () => {
  it('cuts off clients that send their request too slowly, or nothing', async () => {
    const { server } = await serve({ receiveTimeoutMs: 200 });
    const slow = await dial(server);
    slow.socket.write('POST /v1/search HTTP/1.1\r\nHost: localhost\r\n');
    const drip = setInterval(() => slow.socket.write('X-Drip: 1\r\n'), 20);
    const body = await dial(server);
    body.socket.write(
      'POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    const silent = await dial(server);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    await until(() => slow.closed() && body.closed() && silent.closed());
    clearInterval(drip);
    expect(slow.received()).toMatch(/^HTTP\/1\.1 408/);
  });

  it('limits the rate per client, wrong tokens included', async () => {
    const { server } = await serve({ maxRequestsPerSecond: 20, token });
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async () => (await fetch(`${server.url}/v1/stats`)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(40);
  });

  it('refuses what is too much at once, and times out what takes too long', async () => {
    const { post, codeOf, server } = await serve({ maxInFlight: 2, requestTimeoutMs: 100 }, 400);
    const search = () => post('/v1/search', '{"vector":[1,0,0,0]}');
    const first = [search(), search()];
    await until(() => server.inFlight === 2);
    const refusal = await search();
    expect([refusal.status, await codeOf(refusal), refusal.headers.get('retry-after')]).toEqual([
      503,
      'UNAVAILABLE',
      '1',
    ]);
    for (const response of await Promise.all(first)) {
      expect([response.status, await codeOf(response)]).toEqual([504, 'TIMEOUT']);
    }
    expect(server.inFlight).toBe(0);
  });

  it('a client that goes away frees its place', async () => {
    const { server } = await serve({}, 60_000);
    const remote = await connect(server.url);
    const controller = new AbortController();
    const search = remote.search([1, 0, 0, 0], { signal: controller.signal });
    await until(() => server.inFlight === 1);
    controller.abort();
    await expect(search).rejects.toMatchObject({ code: 'ABORTED' });
    await until(() => server.inFlight === 0);
    await remote.close();
  });
});

describe('shutdown', () => {
  it('lets requests in flight finish and refuses new connections', async () => {
    const { server, post } = await serve({}, 100);
    const answer = post('/v1/search', '{"vector":[1,0,0,0]}');
    await until(() => server.inFlight === 1);
    const closing = server.close();
    const started = performance.now();
    expect((await answer).status).toBe(200);
    await closing;
    // Not the shutdown's timeout: a kept connection must not hold it up.
    expect(performance.now() - started).toBeLessThan(5000);
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
    expect(server.close()).toBe(closing);
  });

  it('stops waiting after shutdownTimeoutMs', async () => {
    const { server, post } = await serve({ shutdownTimeoutMs: 50 }, 60_000);
    const answer = post('/v1/search', '{"vector":[1,0,0,0]}').then(
      (response) => response.status,
      () => 'cut off',
    );
    await until(() => server.inFlight === 1);
    await server.close();
    expect([503, 'cut off']).toContain(await answer);
    await sleep(0);
    expect(server.inFlight).toBe(0);
  });

  it('closes the database when it is told to', async () => {
    const { server, database } = await serve({ closeDatabase: true });
    await server.close();
    await expect(database.count()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
