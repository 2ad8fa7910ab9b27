import { STREAM_TYPE } from './frame-stream.js';
import type { Route, Schema } from './routes.js';
import { BINARY_TYPE } from './wire.js';

const errorResponse = {
  description: 'Refused or failed; nothing was changed.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};
const binary = { schema: { type: 'string', format: 'binary' } };

/** The schema of a route's JSON body. */
export function bodySchema(route: Route): Schema {
  return { type: 'object', properties: route.properties, required: route.required, additionalProperties: false };
}

function answerProperties(route: Route): Schema {
  const explained = 'explain' in route.properties;
  return explained ? { result: route.result, explain: { type: 'object' } } : { result: route.result };
}

function operation(route: Route): Schema {
  const body = { 'application/json': { schema: bodySchema(route) } };
  return {
    operationId: route.name,
    summary: route.summary,
    requestBody: { required: true, content: route.vectors === undefined ? body : { ...body, [BINARY_TYPE]: binary } },
    responses: {
      200: {
        description: 'Done.',
        content: {
          ...(route.stream === undefined
            ? {
                'application/json': {
                  schema: { type: 'object', properties: answerProperties(route), required: ['result'] },
                },
                [BINARY_TYPE]: binary,
              }
            : {}),
          ...(route.stream !== undefined || route.progress ? { [STREAM_TYPE]: binary } : {}),
        },
      },
      default: errorResponse,
    },
  };
}

function text(operationId: string, summary: string, type: string): Schema {
  const content = { [type]: { schema: type === 'application/json' ? { type: 'object' } : { type: 'string' } } };
  return { operationId, summary, responses: { 200: { description: 'The answer.', content }, default: errorResponse } };
}

/** The server's OpenAPI 3.1 document. */
export function openApiDocument(version: string, routes: readonly Route[]): Schema {
  const paths = Object.fromEntries(routes.map((route) => [`/v1/${route.name}`, { post: operation(route) }]));
  return {
    openapi: '3.1.0',
    info: {
      title: 'SageDB',
      version,
      description:
        `A vector database over HTTP. Bodies are JSON, or ${BINARY_TYPE}: a 32-bit little-endian length, that many bytes of JSON ` +
        '(the body without its vectors), zero bytes up to a multiple of 4, and the vectors as 32-bit little-endian floats. ' +
        `Ask for binary answers with the Accept header. ${STREAM_TYPE} is a sequence of such bodies, each after its length (32 bits, ` +
        'little endian), with a head { items }, { progress }, or at the end { result } or { error }.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: {
      ...paths,
      '/v1/stats': { get: text('stats', 'Counters and state of the database.', 'application/json') },
      '/metrics': { get: text('metrics', 'The same for Prometheus.', 'text/plain') },
      '/health': { get: { ...text('health', 'Whether the server can serve.', 'application/json'), security: [] } },
      '/openapi.json': { get: text('openapi', 'This document.', 'application/json') },
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Error: {
          type: 'object',
          properties: {
            error: {
              type: 'object',
              properties: { code: { type: 'string' }, message: { type: 'string' } },
              required: ['code', 'message'],
            },
          },
          required: ['error'],
        },
      },
    },
    security: [{ token: [] }],
  };
}
