/**
 * The paper's Figure 3: a row for each input; in it the input and candidates for several z, inside red and outside blue over
 * the image, not yet segmented clear.
 */
import type { PartialSegmentation } from "../core/index.ts";
import type { Picture } from "../image/index.ts";
import type { HeldOut } from "./paper-experiment.ts";

/** Screen pixels for each image pixel, between tiles, and between the inputs and the candidates. */
const ZOOM = 4;
const GAP = 6;
const WIDE_GAP = 22;

const INSIDE = [224, 30, 40] as const;
const OUTSIDE = [40, 90, 235] as const;
const OPACITY = 0.55;

/** @param columns  candidates in a row */
export function drawCandidatesFigure(rows: readonly HeldOut[], columns: number): Picture {
  const tile = rows[0].input.width * ZOOM;
  const width = GAP + tile + WIDE_GAP + columns * (tile + GAP);
  const height = GAP + rows.length * (tile + GAP);
  const picture = { width, height, data: new Uint8Array(width * height * 3).fill(255) };
  rows.forEach(({ image, input, candidates }, row) => {
    const y = GAP + row * (tile + GAP);
    drawTile(picture, { left: GAP, top: y, zoom: ZOOM }, image, input);
    for (let k = 0; k < columns; k++)
      drawTile(picture, { left: GAP + tile + WIDE_GAP + k * (tile + GAP), top: y, zoom: ZOOM }, image, candidates[k]);
  });
  return picture;
}

/**
 * Draws one partial segmentation over its image. Tiles smaller than their grid show the mean of the pixels in each place.
 *
 * @param gray  on the partial segmentation's grid, [0, 1]
 * @param zoom  screen pixels for each image pixel
 */
export function drawTile(
  picture: Picture,
  { left, top, zoom }: { readonly left: number; readonly top: number; readonly zoom: number },
  gray: Float32Array,
  partial: PartialSegmentation,
): void {
  const columns = sources(partial.width, zoom);
  for (const [y, [above, below]] of sources(partial.height, zoom).entries()) {
    for (const [x, [from, to]] of columns.entries()) {
      const sum = [0, 0, 0];
      for (let row = above; row < below; row++)
        for (let i = row * partial.width + from; i < row * partial.width + to; i++) addColour(sum, gray[i], partial, i);
      const at = 3 * ((top + y) * picture.width + left + x);
      const count = (below - above) * (to - from);
      for (let c = 0; c < 3; c++) picture.data[at + c] = Math.round(sum[c] / count);
    }
  }
}

/** Screen pixels that a side of `length` image pixels takes. */
export function tileSide(length: number, zoom: number): number {
  return Math.max(1, Math.floor(length * zoom));
}

/** For each screen pixel along a side, the first image pixel under it and the one after the last. */
function sources(length: number, zoom: number): [number, number][] {
  return Array.from({ length: tileSide(length, zoom) }, (_, i) => {
    const from = Math.floor(i / zoom);
    return [from, Math.min(length, Math.max(from + 1, Math.floor((i + 1) / zoom)))];
  });
}

function addColour(sum: number[], gray: number, { partialness, segmentation }: PartialSegmentation, i: number): void {
  const colour = segmentation[i] ? INSIDE : OUTSIDE;
  const opacity = partialness[i] ? OPACITY : 0;
  for (let c = 0; c < 3; c++) sum[c] += 255 * gray * (1 - opacity) + colour[c] * opacity;
}
