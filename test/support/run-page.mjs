// Runs the programs of one page, one after the other, in the current folder; prints what each of them printed, as JSON.
//   node run-page.mjs <JSON list of files: .mjs, or .sh for bash>
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const write = process.stdout.write.bind(process.stdout);
const outcomes = [];
for (const file of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  let printed = '';
  let error;
  process.stdout.write = (text) => {
    printed += text;
    return true;
  };
  try {
    if (file.endsWith('.mjs')) await import(pathToFileURL(file).href);
    else printed = execFileSync('bash', ['-eo', 'pipefail', file], { encoding: 'utf8' });
  } catch (failure) {
    error = failure.stack ?? String(failure);
  }
  process.stdout.write = write;
  outcomes.push({ printed, error });
}
write(JSON.stringify(outcomes));
