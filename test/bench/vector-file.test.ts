// Property: every format gives the numbers that were written, and a damaged file is an error that names the file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recallAt } from '../../bench/data/sets.js';
import { readFvecs, readIvecs, readNpy, readRaw, readVectors } from '../../bench/data/vector-file.js';
import { halvesToFloats } from '../../lib/files/npy.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sagedb-files-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, ...parts: ArrayBufferView[]): string {
  const target = path.join(folder, name);
  writeFileSync(target, Buffer.concat(parts.map((p) => Buffer.from(p.buffer, p.byteOffset, p.byteLength))));
  return target;
}

function npy(name: string, descr: string, shape: string, data: ArrayBufferView, order = 'False'): string {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;
  const header = `${text.padEnd(64 - 10 - 1)}\n`;
  const start = Buffer.alloc(10);
  start.write('\x93NUMPY\x01\x00', 'latin1');
  start.writeUInt16LE(header.length, 8);
  return file(name, start, Buffer.from(header, 'latin1'), data);
}

describe('raw files', () => {
  it('reads floats, halves and bytes', () => {
    expect(readVectors(file('a.f32', new Float32Array([1, -2.5, 3, 4])), 2)).toEqual({
      rows: 2,
      dimension: 2,
      values: new Float32Array([1, -2.5, 3, 4]),
    });
    expect(readRaw(file('a.u8', new Uint8Array([0, 255, 7])), 'u8', 3).values).toEqual(new Float32Array([0, 255, 7]));
    expect(readRaw(file('a.f16', new Uint16Array([0x3c00, 0xc100])), 'f16', 1).values).toEqual(
      new Float32Array([1, -2.5]),
    );
  });

  it('reads only the first rows when asked', () => {
    const source = file('b.f32', new Float32Array([1, 2, 3, 4, 5, 6]));
    expect(readVectors(source, 2, 2).values).toEqual(new Float32Array([1, 2, 3, 4]));
  });

  it('refuses half rows and unknown types', () => {
    const source = file('c.f32', new Float32Array(3));
    expect(() => readVectors(source, 2)).toThrow(/c\.f32.*not whole rows of 2/);
    expect(() => readVectors(source)).toThrow(/needs its dimension/);
    expect(() => readVectors(file('c.txt', new Uint8Array(1)))).toThrow(/expected/);
  });
});

describe('halvesToFloats', () => {
  it('covers zeros, subnormals, the largest value, infinities and NaN', () => {
    const got = halvesToFloats(new Uint16Array([0, 0x8000, 1, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00]));
    expect([...got]).toEqual([
      0,
      -0,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
  });
});

describe('fvecs and ivecs', () => {
  const record = (...values: number[]) => [new Int32Array([values.length]), new Float32Array(values)];

  it('reads records', () => {
    expect(readFvecs(file('d.fvecs', ...record(1, 2, 3), ...record(4, 5, 6.5)))).toEqual({
      rows: 2,
      dimension: 3,
      values: new Float32Array([1, 2, 3, 4, 5, 6.5]),
    });
    expect(readIvecs(file('d.ivecs', new Int32Array([2, 7, -8, 2, 9, 10]))).values).toEqual(
      new Int32Array([7, -8, 9, 10]),
    );
  });

  it('refuses mixed dimensions and cut files', () => {
    expect(() => readFvecs(file('e.fvecs', ...record(1, 2, 3), new Int32Array([2]), new Float32Array(3)))).toThrow(
      /e\.fvecs: record 1 has another dimension/,
    );
    expect(() => readFvecs(file('f.fvecs', ...record(1, 2, 3), new Int32Array([3, 0])))).toThrow(/f\.fvecs/);
    expect(() => readFvecs(file('g.fvecs', new Uint8Array(0)))).toThrow(/g\.fvecs/);
  });
});

describe('npy', () => {
  it.each([
    ['<f4', new Float32Array([1, 2, 3, 4, 5, 6])],
    ['<f8', new Float64Array([1, 2, 3, 4, 5, 6])],
    ['|u1', new Uint8Array([1, 2, 3, 4, 5, 6])],
    ['<i4', new Int32Array([1, 2, 3, 4, 5, 6])],
    ['<f2', new Uint16Array([0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600])],
  ])('reads %s', (descr, data) => {
    expect(readNpy(npy('a.npy', descr, '3, 2', data))).toEqual({
      rows: 3,
      dimension: 2,
      values: new Float32Array([1, 2, 3, 4, 5, 6]),
    });
  });

  it('refuses what it cannot read', () => {
    const six = new Float32Array(6);
    expect(() => readNpy(npy('b.npy', '>f4', '3, 2', six))).toThrow(/type >f4/);
    expect(() => readNpy(npy('c.npy', '<f4', '6,', six))).toThrow(/two dimensions/);
    expect(() => readNpy(npy('d.npy', '<f4', '4, 2', six))).toThrow(/6 values for 4 × 2/);
    expect(() => readNpy(npy('e.npy', '<f4', '3, 2', six, 'True'))).toThrow(/Fortran/);
    expect(() => readNpy(file('f.npy', new Uint8Array(20)))).toThrow(/not an npy file/);
  });
});

describe('recallAt', () => {
  it('counts the share of true neighbors among the first k', () => {
    const truth = { rows: 2, dimension: 3, values: new Int32Array([1, 2, 3, 4, 5, 6]) };
    expect(
      recallAt(2, truth, [
        [2, 9],
        [4, 5],
      ]),
    ).toBe(0.75);
    expect(recallAt(2, truth, [[9, 8, 1]])).toBe(0);
  });
});
