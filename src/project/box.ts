/**
 * A box around the object: all that lies beyond it, on the image or slice, is outside by hand.
 *
 * A box says where to look and takes nothing away. What is inside beyond it stays inside, whoever put it there: one label may have several
 * parts, and those out of sight would go unseen. What a stroke has marked stays marked. Only what is undecided, or outside by a candidate,
 * is closed; it carries a bit of its own (`BOXED`), so that another box of that label and slice opens again what lies within, undecided.
 */
import type { Box } from "../core/index.ts";
import { type Plane, pixelOf, voxelAt } from "../image/index.ts";
import {
  type Annotation,
  BOXED,
  BY_HAND,
  type Change,
  CLOSED,
  type Delta,
  deltaOf,
  INSIDE,
  OWN,
} from "./annotation.ts";

/** A smaller box is a click, pixels. */
export const LEAST_SIDE = 2;

/**
 * What a box changes.
 *
 * @param annotation  of the image or slice that it is drawn on
 * @param staysClosed  whether a pixel that is closed has another reason to be so
 */
export function boxDelta(
  { width, data }: Annotation,
  box: Box,
  staysClosed: (x: number, y: number) => boolean = () => false,
): Delta {
  return deltaOf(data, (pixel, value) => {
    const y = Math.floor(pixel / width);
    const x = pixel - y * width;
    if (!isWithin(box, x, y)) return value & (INSIDE | BY_HAND) ? value & OWN : CLOSED;
    return value & BOXED && !staysClosed(x, y) ? 0 : value & OWN;
  });
}

/** Pixels beyond a box that are inside, and stay so. */
export function insideBeyond({ width, data }: Annotation, box: Box): number {
  let count = 0;
  for (let pixel = 0; pixel < data.length; pixel++)
    if (data[pixel] & INSIDE && !isWithin(box, pixel % width, Math.floor(pixel / width))) count++;
  return count;
}

/**
 * Whether boxes across a volume's other axes close a pixel of a slice as well.
 *
 * @param changes  of the label, in effect, oldest first
 * @param planes   of the volume
 */
export function closedAcross(
  changes: readonly Change[],
  planes: readonly Plane[],
  plane: Plane,
  slice: number,
): (x: number, y: number) => boolean {
  const crossing = planes
    .filter(({ axis }) => axis !== plane.axis)
    .map((other) => ({ other, boxes: boxesAcross(changes, other) }));
  return (x, y) => {
    const voxel = voxelAt(plane, slice, [x, y]);
    return crossing.some(({ other, boxes }) => {
      const box = boxes.get(voxel[other.axis]);
      if (!box) return false;
      const pixel = pixelOf(other, voxel);
      return !isWithin(box, pixel.x, pixel.y);
    });
  };
}

/** The newest box on each slice of a plane that has one. */
function boxesAcross(changes: readonly Change[], { axis }: Plane): Map<number, Box> {
  const boxes = new Map<number, Box>();
  for (const change of changes)
    if (change.kind === "box" && change.slice?.axis === axis) boxes.set(change.slice.index, change.box);
  return boxes;
}

function isWithin(box: Box, x: number, y: number): boolean {
  return x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height;
}
