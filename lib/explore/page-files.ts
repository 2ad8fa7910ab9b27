import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SageDBError } from '../errors.js';
import { packageRoot } from '../native.js';

export interface PageFile {
  url: string;
  type: string;
  body: Buffer;
}

const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/style.css', 'style.css', 'text/css; charset=utf-8'],
] as const;

/** The page as `npm run build:dist` left it. */
export async function pageFiles(): Promise<PageFile[]> {
  const folder = join(packageRoot, 'dist', 'explore');
  try {
    return await Promise.all(
      FILES.map(async ([url, name, type]) => ({ url, type, body: await readFile(join(folder, name)) })),
    );
  } catch (cause) {
    throw new SageDBError('UNAVAILABLE', `the page of the explorer is not in ${folder}: npm run build:dist`, { cause });
  }
}
