import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem, type } from 'node:os';

/** What a reader needs to judge a figure: processor, cores, memory, versions, date, command. */
export function machineLines(command: string): string[] {
  const compiler = spawnSync('c++', ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0] ?? '';
  return [
    `- command: \`${command}\``,
    `- date: ${new Date().toISOString().slice(0, 10)}`,
    `- machine: ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${type()}`,
    `- node ${process.versions.node}${compiler === '' ? '' : `, ${compiler}`}`,
  ];
}
