// A process that can make no more threads, for a while. The limit does not bind root: a process of root's becomes another user's.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** Some user that has no processes. */
const NOBODY = 65531;

export class ThreadLimit {
  readonly #helper: ChildProcess;
  readonly #before: string;

  private constructor(helper: ChildProcess, before: string) {
    this.#helper = helper;
    this.#before = before;
  }

  /** What is loaded later must be readable for everyone. Undefined where there is no such limit. */
  static async start(): Promise<ThreadLimit | undefined> {
    if (process.platform !== 'linux') return undefined;
    const before = /^Max processes +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] as string;
    const root = process.getuid?.() === 0;
    // Of the same user, whom the kernel lets change the limit; started now, because it is a process more.
    const helper = spawn(
      'sh',
      ['-c', 'while read n; do prlimit --pid $0 --nproc=$n: 2>&1; echo $?; done', `${process.pid}`],
      { ...(root && { uid: NOBODY, gid: NOBODY }), stdio: ['pipe', 'pipe', 'inherit'] },
    );
    await once(helper, 'spawn');
    if (root) {
      process.setgroups?.([]);
      process.setgid?.(NOBODY);
      process.setuid?.(NOBODY);
    }
    const limit = new ThreadLimit(helper, before);
    if (await limit.#set(before)) return limit;
    limit.end();
    return undefined;
  }

  forbid(): Promise<boolean> {
    return this.#set('1');
  }

  allow(): Promise<boolean> {
    return this.#set(this.#before);
  }

  end(): void {
    this.#helper.stdin?.end();
  }

  async #set(value: string): Promise<boolean> {
    this.#helper.stdin?.write(`${value}\n`);
    const [answer] = (await once(this.#helper.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    return answer.toString() === '0\n';
  }
}
