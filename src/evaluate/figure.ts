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
    drawTile(picture, GAP, y, image, input);
    for (let k = 0; k < columns; k++)
      drawTile(picture, GAP + tile + WIDE_GAP + k * (tile + GAP), y, image, candidates[k]);
  });
  return picture;
}

function drawTile(
  picture: Picture,
  left: number,
  top: number,
  image: Float32Array,
  partial: PartialSegmentation,
): void {
  const { width, height, partialness, segmentation } = partial;
  for (let y = 0; y < height * ZOOM; y++) {
    for (let x = 0; x < width * ZOOM; x++) {
      const i = Math.floor(y / ZOOM) * width + Math.floor(x / ZOOM);
      const gray = 255 * image[i];
      const colour = segmentation[i] ? INSIDE : OUTSIDE;
      const opacity = partialness[i] ? OPACITY : 0;
      const at = 3 * ((top + y) * picture.width + left + x);
      for (let c = 0; c < 3; c++) picture.data[at + c] = Math.round(gray * (1 - opacity) + colour[c] * opacity);
    }
  }
}
