/** Features of a pretrained image encoder, computed once an image and kept in memory, one byte a value. */
import { join } from "node:path";
import type { Grid } from "../core/index.ts";
import { readLimited, readText } from "../files/index.ts";
import { FEATURE_CELLS, type NamedTensor, PROJECTION } from "../model/index.ts";
import type { AnnotatedImages } from "./annotated-images.ts";
import type { View } from "./view.ts";

/** A stored byte is the value times this. */
export const FEATURE_SCALE = 32;

export interface StoredFeatures {
  readonly channels: number;
  /** [images, channels, 64, 64] */
  readonly data: Int8Array<SharedArrayBuffer>;
  /** Place of "dataset/name" in `data`. */
  readonly places: ReadonlyMap<string, number>;
}

export class FeatureStore {
  private readonly stored: StoredFeatures;

  constructor(stored: StoredFeatures) {
    this.stored = stored;
  }

  /** Bilinear on the view's own cells; zeros off the image. @returns [channels, size, size], or null when the image has none */
  read(
    item: Grid & { readonly dataset: string; readonly name: string },
    view: View,
    size: number,
  ): Float32Array | null {
    const { channels, data, places } = this.stored;
    const place = places.get(`${item.dataset}/${item.name}`);
    if (place === undefined) return null;
    const plane = FEATURE_CELLS * FEATURE_CELLS;
    const offset = place * channels * plane;
    const out = new Float32Array(channels * size * size);
    const step = FEATURE_CELLS / Math.max(item.width, item.height);
    const [right, bottom] = [item.width * step, item.height * step];
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const [u, v] = [(column + 0.5) / size - 0.5, (row + 0.5) / size - 0.5];
        const x = (view.x[0] * u + view.x[1] * v + view.x[2]) * step;
        const y = (view.y[0] * u + view.y[1] * v + view.y[2]) * step;
        if (x < 0 || y < 0 || x >= right || y >= bottom) continue;
        const [fx, fy] = [Math.max(0, x - 0.5), Math.max(0, y - 0.5)];
        const [x0, y0] = [Math.floor(fx), Math.floor(fy)];
        const [x1, y1] = [Math.min(FEATURE_CELLS - 1, x0 + 1), Math.min(FEATURE_CELLS - 1, y0 + 1)];
        const [tx, ty] = [fx - x0, fy - y0];
        const weights = [(1 - tx) * (1 - ty), tx * (1 - ty), (1 - tx) * ty, tx * ty].map((w) => w / FEATURE_SCALE);
        const corners = [y0 * 64 + x0, y0 * 64 + x1, y1 * 64 + x0, y1 * 64 + x1];
        for (let c = 0; c < channels; c++) {
          const from = offset + c * plane;
          out[(c * size + row) * size + column] =
            weights[0] * data[from + corners[0]] +
            weights[1] * data[from + corners[1]] +
            weights[2] * data[from + corners[2]] +
            weights[3] * data[from + corners[3]];
        }
      }
    }
    return out;
  }
}

const CACHE = join("runs", "cache", "features");
/** Components that a cached file holds; a model uses the first of them. */
const CACHED = 48;

/** @param channels  F; 0 for a model without */
export async function loadFeatures(
  { items }: AnnotatedImages,
  channels: number,
): Promise<{ features: StoredFeatures | null; projection: ReadonlyMap<string, NamedTensor> }> {
  if (channels === 0) return { features: null, projection: new Map() };
  const images = items.filter(({ kind }) => kind === "image");
  const length = channels * FEATURE_CELLS * FEATURE_CELLS;
  const data = new Int8Array(new SharedArrayBuffer(images.length * length));
  const places = new Map<string, number>();
  for (const [place, { dataset, name }] of images.entries()) {
    const bytes = await readLimited(join(CACHE, `${dataset}__${name}.bin`), CACHED * FEATURE_CELLS * FEATURE_CELLS);
    data.set(new Int8Array(bytes.buffer, bytes.byteOffset, length), place * length);
    places.set(`${dataset}/${name}`, place);
  }
  const { mean, matrix, sigma } = JSON.parse(await readText(join(CACHE, "projection.json"), 2 ** 24));
  const scaled = (matrix as number[][]).slice(0, channels).map((row, f) => row.map((value) => value / sigma[f]));
  const offset = scaled.map((row) => -row.reduce((sum, value, c) => sum + value * mean[c], 0));
  return {
    features: { channels, data, places },
    projection: new Map([
      [PROJECTION.matrix, { shape: [channels, mean.length], data: Float32Array.from(scaled.flat()) }],
      [PROJECTION.offset, { shape: [channels], data: Float32Array.from(offset) }],
    ]),
  };
}
