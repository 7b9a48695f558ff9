/** Percentile bootstrap over images (Efron 1979): how far a measure would move with another sample of images. */
import type { Rng } from "../core/index.ts";
import type { Share } from "./disk-measures.ts";

export interface Estimate {
  /** NaN when nothing was counted. */
  readonly value: number;
  /** 95 % interval. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;

/** @param shares  one an image */
export function estimate(shares: readonly Share[], rng: Rng): Estimate {
  const value = ratio(shares);
  const resampled = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) {
    let total = 0;
    let count = 0;
    for (let i = 0; i < shares.length; i++) {
      const share = shares[rng.below(shares.length)];
      total += share.total;
      count += share.count;
    }
    resampled[r] = total / count;
  }
  resampled.sort();
  return {
    value,
    low: resampled[Math.round(0.025 * (RESAMPLES - 1))],
    high: resampled[Math.round(0.975 * (RESAMPLES - 1))],
  };
}

function ratio(shares: readonly Share[]): number {
  const total = shares.reduce((sum, share) => sum + share.total, 0);
  return total / shares.reduce((sum, share) => sum + share.count, 0);
}
