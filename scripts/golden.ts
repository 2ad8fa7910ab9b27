// `npm run golden`: writes the golden databases of the present format version to test/golden/format-<version>. They are committed with the release of
// that format and never written again; while a format is unreleased, its folder is replaced.
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileKinds, goldenNames, writeGoldens } from '../test/support/golden.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const header = readFileSync(join(root, 'cpp', 'storage', 'file_header.h'), 'utf8');
const version = /kFormatVersion = (\d+)/.exec(header)?.[1];
const folder = join(root, 'test', 'golden', `format-${version}`);
rmSync(folder, { recursive: true, force: true });
await writeGoldens(folder);
console.log(`${folder}: ${goldenNames(folder).join(', ')}; files: ${[...fileKinds(folder)].sort().join(', ')}`);
