// The only file that touches the addon.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Native {
  hardwareThreads(): number;
}

const require = createRequire(import.meta.url);
// This file lies one folder below the package root, as lib/native.ts and as a bundle in dist/.
const packageRoot = fileURLToPath(new URL('..', import.meta.url));

export const native = require('node-gyp-build')(packageRoot) as Native;
