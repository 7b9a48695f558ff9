/** Candidates side by side as one picture: what was marked, then each candidate, on the part of the image they are about. */
import { type Box, crop, type Image, type PartialSegmentation } from "../core/index.ts";
import { drawTile, tileSide } from "../evaluate/index.ts";
import type { Picture } from "../image/index.ts";
import type { Candidate } from "../model/index.ts";

/** Screen pixels of a tile's longer side, between tiles, and tiles in a row. */
const TILE = 320;
const GAP = 6;
const COLUMNS = 5;

export function drawContactSheet(image: Image, input: PartialSegmentation, candidates: readonly Candidate[]): Picture {
  // All candidates share the box of the window; without any, the whole image is shown.
  const box = candidates[0]?.box ?? { x: 0, y: 0, width: image.width, height: image.height };
  const gray = grayOf(image, box);
  const tiles = [partialIn(input, box), ...candidates.map(({ partial }) => partial)];
  const zoom = TILE / Math.max(box.width, box.height);
  const [wide, high] = [tileSide(box.width, zoom) + GAP, tileSide(box.height, zoom) + GAP];
  const columns = Math.min(COLUMNS, tiles.length);
  const width = columns * wide + GAP;
  const height = Math.ceil(tiles.length / columns) * high + GAP;
  const picture = { width, height, data: new Uint8Array(width * height * 3).fill(255) };
  for (const [i, tile] of tiles.entries()) {
    const place = { left: GAP + (i % columns) * wide, top: GAP + Math.floor(i / columns) * high, zoom };
    drawTile(picture, place, gray, tile);
  }
  return picture;
}

/** Intensities inside the box, stretched to [0, 1]. */
function grayOf(image: Image, box: Box): Float32Array {
  const data = crop(image.data, image, box);
  let [low, high] = [image.maximum as number, 0];
  for (const value of data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return Float32Array.from(data, (value) => (high > low ? (value - low) / (high - low) : 0.5));
}

function partialIn(partial: PartialSegmentation, box: Box): PartialSegmentation {
  return {
    width: box.width,
    height: box.height,
    partialness: crop(partial.partialness, partial, box),
    segmentation: crop(partial.segmentation, partial, box),
  };
}
