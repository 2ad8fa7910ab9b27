// What an installation brings along, from the lockfile: every production dependency with version and licence. Fails on a licence that is not
// in the list below. `npm run licences` prints them all; `npm run check` only what is wrong.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './process.mjs';

/** Permissive: they ask for their notice to be kept, and nothing of the programs that use them. */
const accepted = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

function isAccepted(expression) {
  // One of several is enough; all of several are needed.
  return expression
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((name) => accepted.includes(name.trim())));
}

const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const shipped = Object.entries(packages)
  .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
  .map(([path, { version, license = 'none stated' }]) => ({
    name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    version,
    license,
  }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));

if (process.argv.includes('--list')) for (const p of shipped) console.log(`${p.name} ${p.version}: ${p.license}`);
const wrong = shipped.filter(({ license }) => !isAccepted(license));
for (const { name, version, license } of wrong) console.error(`${name} ${version}: licence ${license} is not accepted`);
process.exitCode = wrong.length === 0 ? 0 : 1;
