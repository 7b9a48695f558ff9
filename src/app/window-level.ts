/** Which intensities are shown from black to white: window (their width) and level (their middle), and four presets. */
import type { Level } from "./pyramid.ts";

export interface WindowLevel {
  /** Intensity shown black, and the one shown white; low < high. */
  readonly low: number;
  readonly high: number;
}

export interface Preset extends WindowLevel {
  readonly name: string;
}

/** Intensities more than this are counted from a halving; percentiles of 64 megapixels would take half a second. */
const COUNTED_PIXELS = 1 << 20;

/**
 * Full range; without the darkest and brightest hundredth; what is dark (up to the median); what is bright (from the median).
 *
 * @param levels   the image's pyramid
 * @param maximum  largest intensity the image's bit depth can hold
 */
export function presetsOf(levels: readonly Level[], maximum: number): Preset[] {
  const counted = levels.find(({ data }) => data.length <= COUNTED_PIXELS) ?? levels[levels.length - 1];
  const [low, middle, high] = percentilesOf(counted.data, maximum, [0.01, 0.5, 0.99]);
  return [
    { name: "full range", low: 0, high: maximum },
    { name: "auto 1–99 %", ...ordered(low, high, maximum) },
    { name: "dark", ...ordered(low, middle, maximum) },
    { name: "bright", ...ordered(middle, high, maximum) },
  ];
}

/** Changes the width by `dw` and the middle by `dl`, both in shares of the image's range. */
export function adjust({ low, high }: WindowLevel, dw: number, dl: number, maximum: number): WindowLevel {
  const width = Math.min(2 * maximum, Math.max(1, high - low + dw * maximum));
  const level = Math.min(maximum, Math.max(0, (low + high) / 2 + dl * maximum));
  return { low: level - width / 2, high: level + width / 2 };
}

/** [maximum + 1], RGBA words (little-endian: opaque gray) for every intensity. */
export function grayTable({ low, high }: WindowLevel, maximum: number): Uint32Array {
  const table = new Uint32Array(maximum + 1);
  for (let value = 0; value <= maximum; value++) {
    const gray = Math.min(255, Math.max(0, Math.round((255 * (value - low)) / (high - low))));
    table[value] = 0xff000000 | (gray * 0x010101);
  }
  return table;
}

/** A window of some width from what may be one value. */
export function ordered(low: number, high: number, maximum: number): WindowLevel {
  return high > low ? { low, high } : { low: Math.min(low, maximum - 1), high: Math.min(low, maximum - 1) + 1 };
}

/** The values below which these shares of `data` lie. */
export function percentilesOf(data: Uint8Array | Uint16Array, maximum: number, shares: readonly number[]): number[] {
  const counts = new Uint32Array(maximum + 1);
  for (let i = 0; i < data.length; i++) counts[data[i]]++;
  return shares.map((share) => {
    let seen = 0;
    for (let value = 0; value <= maximum; value++) {
      seen += counts[value];
      if (seen >= share * data.length) return value;
    }
    return maximum;
  });
}
