/**
 * Where a mask's voxels are on the image that it should lie on. Programs store the same voxels along other axes (dcm2niix turns rows round, ITK-SNAP may turn
 * all): a grid whose axes are the image's, in another order or direction, is read in the image's order. Nothing else is: no voxel leaves its place in the patient.
 */
import { orientationOf } from "./orientation.ts";
import { type Affine, spacingOf, type Volume, worldOf } from "./volume.ts";

export interface Placed {
  readonly size: Volume["size"];
  readonly toWorld: Affine;
}

/** Index of the mask's voxel on the image's (i, j, k): first + i * steps[0] + j * steps[1] + k * steps[2]. */
export interface Lattice {
  readonly first: number;
  readonly steps: readonly [number, number, number];
}

/** mm, and mm a voxel: more than float32 and six decimals lose, less than anyone can see. */
const TOLERANCE = 1e-3;
const ORDERS: readonly (readonly number[])[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** @returns null when the mask lies elsewhere */
export function latticeOn(mask: Placed, image: Placed): Lattice | null {
  const strides = [1, mask.size[0], mask.size[0] * mask.size[1]];
  for (const order of ORDERS)
    for (let turned = 0; turned < 8; turned++) {
      const isTurned = (axis: number) => ((turned >> axis) & 1) === 1;
      if (!isSame(inOrder(mask, order, isTurned), image)) continue;
      const steps = order.map((axis) => (isTurned(axis) ? -strides[axis] : strides[axis]));
      const first = order.reduce((sum, axis, i) => sum + (steps[i] < 0 ? (mask.size[axis] - 1) * strides[axis] : 0), 0);
      return { first, steps: [steps[0], steps[1], steps[2]] };
    }
  return null;
}

/** The same voxels along `order` of their axes, the turned ones from the other end. */
function inOrder({ size, toWorld }: Placed, order: readonly number[], isTurned: (axis: number) => boolean): Placed {
  const corner = [0, 1, 2].map((axis) => (isTurned(axis) ? size[axis] - 1 : 0));
  const origin = worldOf(toWorld, [corner[0], corner[1], corner[2]]);
  const rows = [0, 4, 8].flatMap((row, world) => [
    ...order.map((axis) => (isTurned(axis) ? -1 : 1) * toWorld[row + axis]),
    origin[world],
  ]);
  return { size: [size[order[0]], size[order[1]], size[order[2]]], toWorld: rows as unknown as Affine };
}

function isSame(a: Placed, b: Placed): boolean {
  return (
    a.size.every((count, axis) => count === b.size[axis]) &&
    // Not a number fails the comparison.
    a.toWorld.every((value, i) => Math.abs(value - b.toWorld[i]) <= TOLERANCE)
  );
}

/** What keeps a mask from lying on an image of the same size. */
export function differenceOf(mask: Placed, image: Placed): string {
  const [own, other] = [spacingOf(mask), spacingOf(image)];
  if (own.some((value, axis) => !(Math.abs(value - other[axis]) <= TOLERANCE)))
    return `Its voxels are ${inMm(own)} mm against ${inMm(other)} mm`;
  const [here, there] = [orientationOf(mask.toWorld).letters, orientationOf(image.toWorld).letters];
  if (here !== there) return `Its axes run ${here} against ${there}`;
  const degrees = angleBetween(mask.toWorld, image.toWorld);
  const turned =
    degrees >= LEAST_DEGREES ? `It is turned by ${degrees.toPrecision(3)} degrees, and corners` : "Their corners";
  return `${turned} lie up to ${apart(mask.toWorld, image.toWorld, image.size)} mm apart`;
}

/** Below this a turn is not worth its words. */
const LEAST_DEGREES = 0.01;

function inMm(spacing: readonly number[]): string {
  return spacing.map((value) => `${Number(value.toPrecision(5))}`).join("×");
}

/** The largest angle between the same axis of both. */
function angleBetween(a: Affine, b: Affine): number {
  const [own, other] = [spacingOf({ toWorld: a }), spacingOf({ toWorld: b })];
  const cosines = [0, 1, 2].map(
    (axis) => (a[axis] * b[axis] + a[4 + axis] * b[4 + axis] + a[8 + axis] * b[8 + axis]) / (own[axis] * other[axis]),
  );
  return (Math.acos(Math.min(1, ...cosines)) * 180) / Math.PI;
}

/** The largest distance between the same corner of both, in mm. */
function apart(a: Affine, b: Affine, [width, height, depth]: Volume["size"]): string {
  let most = 0;
  for (const i of [0, width - 1])
    for (const j of [0, height - 1])
      for (const k of [0, depth - 1]) {
        const [here, there] = [worldOf(a, [i, j, k]), worldOf(b, [i, j, k])];
        most = Math.max(most, Math.hypot(...here.map((value, axis) => value - there[axis])));
      }
  return most.toPrecision(3);
}
