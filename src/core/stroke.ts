/** Strokes of a round pen, and the pixels they cover. */
import { type Box, clipBox, type Grid } from "./grid.ts";

export interface Stroke {
  /** Pen positions in image pixels, [x, y]; integers are pixel centres. */
  readonly points: readonly (readonly [number, number])[];
  /** Diameter of the pen in image pixels, at least 1. */
  readonly width: number;
}

/**
 * Calls `visit` with the index of every pixel on `grid` that the stroke covers (possibly more than once): those whose centre
 * comes under the pen, and those in which it is set down and lifted.
 */
export function visitStroke(stroke: Stroke, grid: Grid, visit: (index: number) => void): void {
  const { points, width } = stroke;
  // A pen of diameter 1 covers exactly the pixels it passes; half a pixel of slack would make it 2 or 3 wide.
  const radius = Math.max(0.5, width / 2);
  // A thin pen set down near a pixel's corner reaches no centre; a click there must still mark the pixel under it.
  for (const end of [points.at(0), points.at(-1)])
    if (end) visitPixel(Math.round(end[0]), Math.round(end[1]), grid, visit);
  for (let i = 0; i < points.length; i++) {
    const [x0, y0] = points[Math.max(0, i - 1)];
    const [x1, y1] = points[i];
    const box = clipBox(
      {
        x: Math.floor(Math.min(x0, x1) - radius),
        y: Math.floor(Math.min(y0, y1) - radius),
        width: Math.ceil(Math.abs(x1 - x0) + 2 * radius) + 2,
        height: Math.ceil(Math.abs(y1 - y0) + 2 * radius) + 2,
      },
      grid,
    );
    visitSegment(x0, y0, x1, y1, radius, box, grid, visit);
  }
}

function visitPixel(x: number, y: number, grid: Grid, visit: (index: number) => void): void {
  if (x >= 0 && x < grid.width && y >= 0 && y < grid.height) visit(y * grid.width + x);
}

function visitSegment(
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  radius: number,
  box: Box,
  grid: Grid,
  visit: (index: number) => void,
): void {
  const dx = x1 - x0;
  const dy = y1 - y0;
  const length2 = dx * dx + dy * dy;
  const radius2 = radius * radius;
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let x = box.x; x < box.x + box.width; x++) {
      const [px, py] = [x - x0, y - y0];
      const along = px * dx + py * dy;
      // Distance to the line between the ends, or to the nearer end. Without a division, a centre that lies exactly on
      // the rim is under the pen whichever way the segment was drawn.
      const across = px * dy - py * dx;
      const under =
        along > 0 && along < length2
          ? across * across <= radius2 * length2
          : Math.min(px * px + py * py, (x - x1) ** 2 + (y - y1) ** 2) <= radius2;
      if (under) visit(y * grid.width + x);
    }
  }
}
