import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** One package in its own process. A call that takes longer than its limit ends the process: such packages are reported as hanging. */
export class PeerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #next = 0;
  #ended: string | undefined;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    child.on('message', (message: { id?: number; result?: unknown; error?: string }) => {
      if (message.id === undefined) return;
      const call = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error === undefined) call?.resolve(message.result);
      else call?.reject(new Error(`${name}: ${message.error}`));
    });
    child.on('exit', (code, signal) => {
      this.#ended ??= `ended with ${signal ?? code}`;
      for (const call of this.#waiting.values()) call.reject(new Error(`${name}: ${this.#ended}`));
      this.#waiting.clear();
    });
  }

  static async start(name: string): Promise<PeerProcess> {
    const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [name], {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      serialization: 'advanced',
    });
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`${name}: did not start (${code})`)));
    });
    return new PeerProcess(name, child);
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  call<T>(method: string, args: object, limitSeconds = 600): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(new Error(`${this.name}: ${this.#ended}`));
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#ended = `no answer to ${method} in ${limitSeconds} s`;
        this.#child.kill('SIGKILL');
      }, limitSeconds * 1000);
      const settle = () => clearTimeout(timer);
      this.#waiting.set(id, {
        resolve: (value) => {
          settle();
          resolve(value as T);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#child.send({ id, method, args });
    });
  }

  async close(): Promise<void> {
    if (!this.alive) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    await this.call('close', {}, 60).catch(() => this.#child.kill('SIGKILL'));
    await exited;
  }
}
