/**
 * Where a mask's voxels are on the image that it should lie on. Programs store the same voxels along other axes (dcm2niix turns rows round, ITK-SNAP may turn
 * all), or only those around what is labelled (3D Slicer): a grid whose axes are the image's, in another order or direction, and which may be cut out of it, is read in
 * the image's order. Nothing else is: no voxel leaves its place in the patient.
 */
import { orientationOf } from "./orientation.ts";
import { type Affine, spacingOf, type Volume, worldOf } from "./volume.ts";

export interface Placed {
  readonly size: Volume["size"];
  readonly toWorld: Affine;
}

/** Index of the mask's voxel on the image's corner + (i, j, k): first + i * steps[0] + j * steps[1] + k * steps[2]. */
export interface Lattice {
  /** The first of the image's voxels that the mask has, and how many of them along the image's axes. */
  readonly corner: Voxel;
  readonly size: Voxel;
  readonly first: number;
  readonly steps: Voxel;
}

type Voxel = readonly [number, number, number];

/** mm, and mm a voxel: more than float32 and six decimals lose, less than anyone can see. */
const TOLERANCE = 1e-3;
/** Voxels: how far a corner of a cut-out may be from one of the image's voxels. */
const CUT_TOLERANCE = 1e-3;
const NO_CORNER: Voxel = [0, 0, 0];
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
      const placed = inOrder(mask, order, isTurned);
      const corner = cornerOn(placed, image);
      if (!corner) continue;
      const steps = order.map((axis) => (isTurned(axis) ? -strides[axis] : strides[axis]));
      const first = order.reduce((sum, axis, i) => sum + (steps[i] < 0 ? (mask.size[axis] - 1) * strides[axis] : 0), 0);
      return { corner, size: placed.size, first, steps: [steps[0], steps[1], steps[2]] };
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

/** The image's voxel at which a mask begins that has all of them, or was cut out of it; null for any other mask. */
function cornerOn(mask: Placed, image: Placed): Voxel | null {
  if (mask.size.every((count, axis) => count === image.size[axis])) return isNear(mask, image) ? NO_CORNER : null;
  const first = voxelOf(image.toWorld, worldOf(mask.toWorld, NO_CORNER));
  const corner = first.map(Math.round);
  const isInside = corner.every((index, axis) => index >= 0 && index + mask.size[axis] <= image.size[axis]);
  if (!isInside) return null;
  // The far end of each axis, where a difference in direction or spacing is largest.
  const ends = [0, 1, 2].map((axis) => NO_CORNER.with(axis, Math.max(1, mask.size[axis] - 1)));
  const isOnVoxels = [[0, 0, 0], ...ends].every((end) => {
    const found = voxelOf(image.toWorld, worldOf(mask.toWorld, [end[0], end[1], end[2]]));
    return found.every((index, axis) => Math.abs(index - corner[axis] - end[axis]) <= CUT_TOLERANCE);
  });
  return isOnVoxels ? [corner[0], corner[1], corner[2]] : null;
}

function isNear(a: Placed, b: Placed): boolean {
  // Not a number fails the comparison.
  return a.toWorld.every((value, i) => Math.abs(value - b.toWorld[i]) <= TOLERANCE);
}

/** The inverse of `worldOf`, by Cramer's rule; not a number where the axes span no space. */
function voxelOf(toWorld: Affine, world: Voxel): number[] {
  const columns = [0, 1, 2].map((axis) => [toWorld[axis], toWorld[4 + axis], toWorld[8 + axis]]);
  const away = [0, 1, 2].map((row) => world[row] - toWorld[4 * row + 3]);
  const whole = determinant(columns);
  return [0, 1, 2].map((axis) => determinant(columns.with(axis, away)) / whole);
}

function determinant([a, b, c]: readonly (readonly number[])[]): number {
  return a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) + c[0] * (a[1] * b[2] - a[2] * b[1]);
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
