/**
 * The projection of the pretrained encoder's channels on their principal components: which mixtures of them differ most over the
 * training images. It is computed once for a cache of features and becomes part of every model trained with it.
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { z } from "zod";
import type { Grid } from "../core/index.ts";
import { ENCODER_CHANNELS, FEATURE_CELLS, type NamedTensor, PROJECTION } from "../model/index.ts";

/** Components that a cache holds; a model uses the first of them. */
export const COMPONENTS = 48;
/** Cells between two of those that are looked at, across and down: neighbours are alike. */
const CELL_STEP = 3;
/** A component that varies less than this share of the first is noise, and is not blown up. */
const LEAST_DEVIATION = 1e-3;

const vectorOf = (length: number) => z.array(z.number()).length(length);

/** As `projection.json` keeps it: mean of the channels, components (unit vectors), and their deviations. */
export const projectionSchema = z.object({
  mean: vectorOf(ENCODER_CHANNELS),
  matrix: z.array(vectorOf(ENCODER_CHANNELS)).length(COMPONENTS),
  sigma: z.array(z.number().positive()).length(COMPONENTS),
});

export type Projection = z.infer<typeof projectionSchema>;

/** Sums over cells of many images, from which the projection follows. */
export class ChannelMoments {
  private count = 0;
  private readonly sums = new Float64Array(ENCODER_CHANNELS);
  private readonly products = new Float64Array(ENCODER_CHANNELS * ENCODER_CHANNELS);

  /** @param channels  [256, 64, 64]   @param cells  how many of them lie on the image */
  add(channels: Float32Array, cells: Grid): void {
    const area = FEATURE_CELLS * FEATURE_CELLS;
    const values = new Float64Array(ENCODER_CHANNELS);
    for (let y = 0; y < cells.height; y += CELL_STEP) {
      for (let x = 0; x < cells.width; x += CELL_STEP) {
        for (let c = 0; c < ENCODER_CHANNELS; c++) values[c] = channels[c * area + y * FEATURE_CELLS + x];
        this.addCell(values);
      }
    }
  }

  projection(): Projection {
    const mean = this.sums.map((sum) => sum / this.count);
    const covariance = new Matrix(ENCODER_CHANNELS, ENCODER_CHANNELS);
    for (let a = 0; a < ENCODER_CHANNELS; a++) {
      for (let b = 0; b <= a; b++) {
        const value = this.products[a * ENCODER_CHANNELS + b] / this.count - mean[a] * mean[b];
        covariance.set(a, b, value).set(b, a, value);
      }
    }
    const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
    const largestFirst = [...realEigenvalues.keys()].sort((i, j) => realEigenvalues[j] - realEigenvalues[i]);
    const kept = largestFirst.slice(0, COMPONENTS);
    const sigma = kept.map((i) => Math.sqrt(Math.max(0, realEigenvalues[i])));
    return {
      mean: [...mean],
      matrix: kept.map((i) => pointedUp(eigenvectorMatrix.getColumn(i))),
      // All zero where every image is constant: then any deviation will do.
      sigma: sigma.map((value) => Math.max(value, LEAST_DEVIATION * (sigma[0] || 1))),
    };
  }

  private addCell(values: Float64Array): void {
    this.count++;
    for (let a = 0; a < ENCODER_CHANNELS; a++) {
      this.sums[a] += values[a];
      for (let b = 0; b <= a; b++) this.products[a * ENCODER_CHANNELS + b] += values[a] * values[b];
    }
  }
}

/** An eigenvector's sign is arbitrary; here its largest value is positive, so that it is the same everywhere. */
function pointedUp(vector: number[]): number[] {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? vector.map((value) => -value) : vector;
}

/** The first `count` components as weights of a model: component = matrix x + offset, in deviations. */
export function projectionWeights({ mean, matrix, sigma }: Projection, count: number): Map<string, NamedTensor> {
  const scaled = matrix.slice(0, count).map((row, f) => row.map((value) => value / sigma[f]));
  const offset = scaled.map((row) => -row.reduce((sum, value, c) => sum + value * mean[c], 0));
  return new Map([
    [PROJECTION.matrix, { shape: [count, ENCODER_CHANNELS], data: Float32Array.from(scaled.flat()) }],
    [PROJECTION.offset, { shape: [count], data: Float32Array.from(offset) }],
  ]);
}
