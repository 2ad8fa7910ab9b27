import { execFile } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** What node runs to run the command line from the sources. */
export const CLI = ['--import', 'tsx', join(root, 'lib', 'cli', 'main.ts')];

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export function sagedb(args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...CLI, ...args], { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}
