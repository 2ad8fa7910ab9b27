// Property: the example on the front page runs as written and prints what the page says.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

function block(text: string, language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1];
  if (found === undefined) throw new Error(`README.md has no ${language} block`);
  return found;
}

test('the README example prints what the README says', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  // Inside the repository, so that the program's imports resolve as a user's would.
  const folder = await mkdtemp(join(root, '.cache-readme-'));
  try {
    const program = join(folder, 'example.mts');
    await writeFile(program, block(readme, 'ts').replace("'sagedb'", "'../lib/index.js'"));
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program], { cwd: root });
    expect(stdout).toBe(block(readme, 'text'));
  } finally {
    await rm(folder, { recursive: true });
  }
});
