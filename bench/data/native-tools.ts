// Builds and runs the C++ benchmark programs.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = path.join(ROOT, 'build-bench');
let built = false;

function must(command: string, args: string[]): void {
  const done = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (done.error) throw new Error(`${command}: ${done.error.message}. The benchmarks need cmake and a C++17 compiler.`);
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${done.stderr}`);
}

/** Path of a C++ program of bench/native, brought up to date once per process. */
export function nativeTool(name: string): string {
  if (!built) {
    if (!existsSync(path.join(BUILD, 'CMakeCache.txt'))) {
      process.stderr.write('building the C++ benchmark programs (once)\n');
      must('cmake', ['-S', '.', '-B', BUILD, '-DSAGEDB_BENCH=ON', '-DCMAKE_BUILD_TYPE=Release']);
    }
    must('cmake', ['--build', BUILD, '-j', '2', '--target', 'sagedb_dataset_tool', 'sagedb_design_bench']);
    built = true;
  }
  return path.join(BUILD, 'bench', 'native', name);
}

export function runTool(name: string, args: string[]): void {
  const done = spawnSync(nativeTool(name), args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.status !== 0) throw new Error(`${name} ${args[0]} failed`);
}

/** One JSON object per line of the program's output, handed over as it comes. */
export async function runJsonLines(
  name: string,
  args: string[],
  onLine: (row: Record<string, unknown>) => void,
): Promise<void> {
  const child = spawn(nativeTool(name), args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) onLine(JSON.parse(line));
  const code = await ended;
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
}
