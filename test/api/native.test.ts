// Property: the addon that the install step built loads from the sources and sees this machine's processors.
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { hardwareThreads } from '../../lib/index.js';

test('the addon loads and counts the processors this process may use', () => {
  expect(hardwareThreads()).toBe(availableParallelism());
});
