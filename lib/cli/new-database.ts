import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** A folder that a command is about to make a database in, and the way back from there. */
export class NewDatabase {
  readonly #path: string;
  /** What lay there before; undefined: the folder did not exist. */
  readonly #before: ReadonlySet<string> | undefined;
  /** The deepest folder on the way there that did exist. */
  readonly #ancestor: string;

  private constructor(path: string, before: ReadonlySet<string> | undefined) {
    this.#path = path;
    this.#before = before;
    let ancestor = path;
    while (!existsSync(ancestor)) ancestor = dirname(ancestor);
    this.#ancestor = ancestor;
  }

  /** Undefined: there is a database already. */
  static async at(path: string): Promise<NewDatabase | undefined> {
    const absolute = resolve(path);
    if (existsSync(join(absolute, 'CURRENT'))) return undefined;
    const before = existsSync(absolute) ? new Set(await readdir(absolute)) : undefined;
    return new NewDatabase(absolute, before);
  }

  /** Takes away what was made since; what lay there before stays. */
  async remove(): Promise<void> {
    if (!existsSync(this.#path)) return;
    for (const name of await readdir(this.#path)) {
      if (!this.#before?.has(name)) await rm(join(this.#path, name), { recursive: true });
    }
    for (let folder = this.#path; folder !== this.#ancestor; folder = dirname(folder)) await rmdir(folder);
  }
}
