import { expect } from 'vitest';
import { SageDBError, type SageDBErrorCode } from '../../lib/index.js';

export { random, randomFlat, randomVector } from './numbers.js';

/** The error that `work` ends with, by throwing or rejecting; fails when there is none or it is of another class. */
export async function errorOf(work: () => unknown): Promise<SageDBError> {
  let error: unknown;
  try {
    await work();
  } catch (caught) {
    error = caught;
  }
  expect(error, 'expected an error').toBeInstanceOf(SageDBError);
  return error as SageDBError;
}

export async function expectCode(work: () => unknown, code: SageDBErrorCode, message?: RegExp): Promise<void> {
  const error = await errorOf(work);
  expect({ code: error.code, message: error.message }).toEqual({
    code,
    message: message ? expect.stringMatching(message) : error.message,
  });
}
