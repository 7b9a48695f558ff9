/** Batches of the paper's data, each drawn from its own generator: batch i of a run needs no history. */
import type { Rng } from "../core/index.ts";
import type { DiskImage } from "./disks.ts";
import { drawPair, type PairOptions } from "./partials.ts";

/** Arrays of [N, 1, H, W]; masks are 0 or 1. */
export interface PartialBatch {
  readonly image: Float32Array;
  readonly xm: Float32Array;
  readonly xs: Float32Array;
  readonly ym: Float32Array;
  readonly ys: Float32Array;
  /** The ground truth on the whole image, which y_s shows a part of. */
  readonly truth: Float32Array;
  /** Which images of the set, for naming a bad batch. */
  readonly indices: readonly number[];
}

export function drawBatch(
  rng: Rng,
  set: readonly DiskImage[],
  count: number,
  size: number,
  pairs: PairOptions,
): PartialBatch {
  const area = size * size;
  const planes = () => new Float32Array(count * area);
  const masks = { xm: planes(), xs: planes(), ym: planes(), ys: planes(), truth: planes() };
  const batch = { image: planes(), ...masks, indices: [] as number[] };
  for (let n = 0; n < count; n++) {
    const index = rng.below(set.length);
    const { image, disks } = set[index];
    const truth = unionOf(disks, 1 + rng.below(2 ** disks.length - 1));
    const { x, y } = drawPair(rng, truth, size, pairs);
    batch.indices.push(index);
    batch.image.set(image, n * area);
    batch.xm.set(x.partialness, n * area);
    batch.xs.set(x.segmentation, n * area);
    batch.ym.set(y.partialness, n * area);
    batch.ys.set(y.segmentation, n * area);
    batch.truth.set(truth, n * area);
  }
  return batch;
}

/** The union of the disks whose bit is set in `subset`. */
export function unionOf(disks: readonly Uint8Array[], subset: number): Uint8Array {
  const out = new Uint8Array(disks[0].length);
  for (const [d, disk] of disks.entries()) {
    if (!((subset >> d) & 1)) continue;
    for (let i = 0; i < out.length; i++) out[i] |= disk[i];
  }
  return out;
}
