/** Features of a pretrained image encoder, kept in memory for the data workers, one byte a value (`feature-cache.ts` computes them). */
import type { Grid } from "../core/index.ts";
import { FEATURE_CELLS } from "../model/index.ts";
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
        const [upper, lower] = [y0 * FEATURE_CELLS, y1 * FEATURE_CELLS];
        const corners = [upper + x0, upper + x1, lower + x0, lower + x1];
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
