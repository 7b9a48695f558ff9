/** A made-up body as a NIfTI file: a CT-like volume with an organ that moves and grows from slice to slice. */

export interface Phantom {
  readonly size: readonly [number, number, number];
  /** Columns of the matrix to RAS, mm */
  readonly axes: readonly [readonly number[], readonly number[], readonly number[]];
}

/** i runs to the patient's left, j to the back, k to the head, as a CT's slices do; 1 x 1 x 2.5 mm. */
export const BODY: Phantom = {
  size: [96, 80, 40],
  axes: [
    [-1, 0, 0],
    [0, -1, 0],
    [0, 0, 2.5],
  ],
};

const AIR = -1000;
const FAT = -90;
const SOFT = 45;
const ORGAN = 130;
const BONE = 800;

/** Whether a voxel of `BODY`'s shape is in the organ, by shares of the sizes. */
export function isInOrgan(x: number, y: number, z: number): boolean {
  const radius = 0.17 * Math.sqrt(Math.max(0, 1 - ((z - 0.5) / 0.42) ** 2));
  return radius > 0 && ((x - 0.36 - 0.12 * (z - 0.5)) / radius) ** 2 + ((y - 0.46) / (0.9 * radius)) ** 2 < 1;
}

function huAt(x: number, y: number, z: number): number {
  const body = ((x - 0.5) / 0.46) ** 2 + ((y - 0.5) / 0.42) ** 2;
  if (body >= 1) return AIR;
  if (body >= 0.86) return FAT;
  if (((x - 0.5) / 0.07) ** 2 + ((y - 0.76) / 0.08) ** 2 < 1) return BONE;
  if (((x - 0.68) / 0.1) ** 2 + ((y - 0.45) / 0.16) ** 2 < 1 && z > 0.55) return AIR + 150;
  return isInOrgan(x, y, z) ? ORGAN : SOFT;
}

/** @returns int16, little-endian, not packed */
export function niftiOf({ size, axes }: Phantom): Uint8Array {
  const [ni, nj, nk] = size;
  const start = 352;
  const bytes = new Uint8Array(start + 2 * ni * nj * nk);
  const header = new DataView(bytes.buffer);
  const shorts = (at: number, values: readonly number[]) => {
    values.forEach((value, i) => {
      header.setInt16(at + 2 * i, value, true);
    });
  };
  const floats = (at: number, values: readonly number[]) => {
    values.forEach((value, i) => {
      header.setFloat32(at + 4 * i, value, true);
    });
  };
  header.setInt32(0, 348, true);
  shorts(40, [3, ni, nj, nk, 1, 1, 1, 1]);
  shorts(70, [4, 16]);
  floats(76, [1, ...axes.map((axis) => Math.hypot(...axis)), 1, 1, 1, 1]);
  floats(108, [start, 1, 0]);
  header.setUint8(123, 2);
  shorts(252, [0, 1]);
  // The middle of the volume is the origin.
  const middle = [0, 1, 2].map((row) => -axes.reduce((sum, axis, a) => sum + (axis[row] * (size[a] - 1)) / 2, 0));
  [0, 1, 2].forEach((row) => {
    floats(280 + 16 * row, [...axes.map((axis) => axis[row]), middle[row]]);
  });
  bytes.set([0x6e, 0x2b, 0x31, 0], 344);
  const voxels = new Int16Array(bytes.buffer, start);
  let at = 0;
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++) {
        const noise = ((i * 7 + j * 13 + k * 29 + ((i * j) >> 3)) % 23) - 11;
        voxels[at++] = huAt((i + 0.5) / ni, (j + 0.5) / nj, (k + 0.5) / nk) + noise;
      }
  return bytes;
}
