/** An image and its halvings, each the mean of 2 x 2 pixels of the one before, so that drawing costs what the screen has. */
import type { Grid, Image } from "../core/index.ts";

export interface Level extends Grid {
  /** [H, W], same range as the image */
  readonly data: Uint8Array | Uint16Array;
}

/** Halving stops when the longer side is at most this. */
const SMALLEST_SIDE = 256;

/** @returns the image itself, then each halving (sizes rounded up) */
export function buildPyramid(image: Image): Level[] {
  return lazyPyramid(image).map(({ width, height, data }) => ({ width, height, data }));
}

/** As `buildPyramid`, each halving made when its pixels are first asked for: a slice that is passed on the way to another is shown in one size. */
export function lazyPyramid(image: Image): Level[] {
  const levels: Level[] = [image];
  for (let last: Level = image; Math.max(last.width, last.height) > SMALLEST_SIDE; last = levels[levels.length - 1])
    levels.push(halvingOf(last));
  return levels;
}

function halvingOf(level: Level): Level {
  let data: Level["data"] | null = null;
  return {
    width: Math.ceil(level.width / 2),
    height: Math.ceil(level.height / 2),
    get data() {
      data ??= halve(level);
      return data;
    },
  };
}

function halve({ width, height, data }: Level): Level["data"] {
  const w = Math.ceil(width / 2);
  const h = Math.ceil(height / 2);
  const out = data instanceof Uint16Array ? new Uint16Array(w * h) : new Uint8Array(w * h);
  for (let y = 0; y < h; y++) {
    const upper = 2 * y * width;
    const lower = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0; x < w; x++) {
      const left = 2 * x;
      const right = Math.min(left + 1, width - 1);
      out[y * w + x] = (data[upper + left] + data[upper + right] + data[lower + left] + data[lower + right] + 2) >> 2;
    }
  }
  return out;
}
