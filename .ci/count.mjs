// Prints `passed failed` over all JUnit reports below a folder.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

let passed = 0;
let failed = 0;
for (const name of readdirSync(process.argv[2], { recursive: true })) {
  if (!String(name).endsWith('.xml')) continue;
  const text = readFileSync(join(process.argv[2], String(name)), 'utf8');
  for (const [suite] of text.matchAll(/<testsuite\s[^>]*>/g)) {
    const count = (attribute) => Number(new RegExp(`\\b${attribute}="(\\d+)"`).exec(suite)?.[1] ?? 0);
    const bad = count('failures') + count('errors');
    failed += bad;
    passed += count('tests') - bad - count('skipped') - count('disabled');
  }
}
console.log(passed, failed);
