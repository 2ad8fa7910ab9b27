import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** Files of a database (docs/format.md), without the one that keeps others out. */
const FILES = /^(CURRENT|MANIFEST-\d+|wal-\d+\.log|[a-z]+-\d+\.seg)(\.tmp)?$/;
const LOCK = 'LOCK';

/** A database that a command is about to make, and the way back from there. */
export class NewDatabase {
  readonly #path: string;
  /** The deepest folder on the way there that did exist. */
  readonly #ancestor: string;
  /** Somebody else may be making it. */
  readonly #begun: boolean;

  private constructor(path: string) {
    this.#path = path;
    this.#begun = existsSync(join(path, LOCK));
    let ancestor = path;
    while (!existsSync(ancestor)) ancestor = dirname(ancestor);
    this.#ancestor = ancestor;
  }

  /** To be asked right before the open. Undefined: there is a database already. */
  static at(path: string): NewDatabase | undefined {
    const absolute = resolve(path);
    return existsSync(join(absolute, 'CURRENT')) ? undefined : new NewDatabase(absolute);
  }

  /**
   * Takes the database away; other files and their folders stay. Only its writer may call this, before it closes: whoever else comes to the
   * path is refused until then, so nothing of theirs is among the files.
   */
  async remove(): Promise<void> {
    if (this.#begun) return;
    const files = (await readdir(this.#path)).filter((name) => FILES.test(name));
    // In order: CURRENT never names what is gone, and LOCK keeps others out to the end.
    for (const name of [...files.sort(), LOCK]) await rm(join(this.#path, name), { force: true });
    try {
      for (let folder = this.#path; folder !== this.#ancestor; folder = dirname(folder)) await rmdir(folder);
    } catch {
      // Somebody else put something there.
    }
  }
}
