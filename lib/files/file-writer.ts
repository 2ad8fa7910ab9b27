import { type FileHandle, open } from 'node:fs/promises';

const BUFFER_BYTES = 1 << 20;

/** Writes a new file through a buffer. */
export class FileWriter {
  readonly #file: FileHandle;
  #pieces: Uint8Array[] = [];
  #held = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Rejects when the file exists. */
  static async create(path: string): Promise<FileWriter> {
    return new FileWriter(await open(path, 'wx'));
  }

  /** True: the buffer is full, call `flush` before the next piece. `piece` must stay unchanged until then. */
  append(piece: Uint8Array): boolean {
    this.#pieces.push(piece);
    this.#held += piece.byteLength;
    return this.#held >= BUFFER_BYTES;
  }

  async flush(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#held = 0;
    let bytes = Buffer.concat(pieces);
    while (bytes.length > 0) {
      const { bytesWritten } = await this.#file.write(bytes);
      bytes = bytes.subarray(bytesWritten);
    }
  }

  /** Replaces bytes at the beginning, then everything is on disk. */
  async finish(beginning?: Uint8Array): Promise<void> {
    await this.flush();
    if (beginning) await this.#file.write(beginning, 0, beginning.byteLength, 0);
    await this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
