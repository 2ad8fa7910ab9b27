import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';

/** Whether only this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (bare === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}

/**
 * Whether the Host header names this machine. A server without a token must ask: a web page whose name was pointed at 127.0.0.1
 * (DNS rebinding) reaches it from the user's own browser, but cannot hide its name.
 */
export function namesLoopback(hostHeader: string | undefined): boolean {
  if (hostHeader === undefined) return false;
  return isLoopback(hostHeader.replace(/:\d+$/, ''));
}

/** Compares tokens in a time that does not depend on where, or by how much, they differ. */
export class TokenCheck {
  readonly #expected: Buffer;

  constructor(token: string) {
    this.#expected = digest(token);
  }

  accepts(authorization: string | undefined): boolean {
    const given = authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : '';
    return timingSafeEqual(digest(given), this.#expected) && given !== '';
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
