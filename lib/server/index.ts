export { type ConnectOptions, connect, type RemoteDatabase } from './remote-database.js';
export { createServer, type SageDBServer } from './server.js';
export type { ServerOptions } from './server-options.js';
