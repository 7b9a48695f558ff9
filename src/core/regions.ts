/** Regions of a binary mask: connected components, distances, and the line along a region's middle. */
import type { Grid } from "./grid.ts";

export interface Components {
  /** [H, W], 0 outside the mask, else the component's number from 1, in order of their first pixel */
  readonly labels: Int32Array;
  /** Pixels of each component; sizes[0] is component 1. */
  readonly sizes: readonly number[];
}

/** Pixels belong together when they touch by sides or corners. */
export function components(mask: Uint8Array, { width, height }: Grid): Components {
  const labels = new Int32Array(mask.length);
  const sizes: number[] = [];
  const queue = new Int32Array(mask.length);
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || labels[start] !== 0) continue;
    const label = sizes.length + 1;
    labels[start] = label;
    queue[0] = start;
    let end = 1;
    for (let at = 0; at < end; at++) {
      const [x, y] = [queue[at] % width, Math.floor(queue[at] / width)];
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (mask[next] === 0 || labels[next] !== 0) continue;
          labels[next] = label;
          queue[end++] = next;
        }
      }
    }
    sizes.push(end);
  }
  return { labels, sizes };
}

/** The component with the most pixels (the first of equals); empty when the mask is. */
export function largestComponent(mask: Uint8Array, grid: Grid): Uint8Array {
  const { labels, sizes } = components(mask, grid);
  // No spread: a large noisy mask has more components than a call can have arguments.
  const largest = sizes.indexOf(sizes.reduce((most, size) => Math.max(most, size), 0)) + 1;
  const out = new Uint8Array(mask.length);
  if (largest > 0) for (let i = 0; i < out.length; i++) out[i] = labels[i] === largest ? 1 : 0;
  return out;
}

/**
 * Euclidean distance of every pixel centre to the nearest one in the mask, in pixels; infinite when the mask is empty.
 * Exact, by lower envelopes of parabolas (Felzenszwalb and Huttenlocher 2012).
 */
export function distanceTo(mask: Uint8Array, { width, height }: Grid): Float64Array {
  const squared = new Float64Array(mask.length);
  for (let i = 0; i < mask.length; i++) squared[i] = mask[i] ? 0 : Number.POSITIVE_INFINITY;
  const longest = Math.max(width, height);
  const line = new Float64Array(longest);
  const envelope = { at: new Int32Array(longest), from: new Float64Array(longest + 1) };
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) line[y] = squared[y * width + x];
    lowerEnvelope(line, height, envelope, (y, value) => {
      squared[y * width + x] = value;
    });
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) line[x] = squared[y * width + x];
    lowerEnvelope(line, width, envelope, (x, value) => {
      squared[y * width + x] = value;
    });
  }
  for (let i = 0; i < squared.length; i++) squared[i] = Math.sqrt(squared[i]);
  return squared;
}

/** Calls `put` with min over j of (i - j)^2 + f[j], for each i. */
function lowerEnvelope(
  f: Float64Array,
  length: number,
  { at, from }: { at: Int32Array; from: Float64Array },
  put: (i: number, value: number) => void,
): void {
  let last = -1;
  for (let j = 0; j < length; j++) {
    if (f[j] === Number.POSITIVE_INFINITY) continue;
    let start = Number.NEGATIVE_INFINITY;
    while (last >= 0) {
      const k = at[last];
      start = (f[j] + j * j - (f[k] + k * k)) / (2 * (j - k));
      if (start > from[last]) break;
      last--;
      start = Number.NEGATIVE_INFINITY;
    }
    at[++last] = j;
    from[last] = start;
  }
  for (let i = 0, k = 0; i < length; i++) {
    if (last < 0) put(i, Number.POSITIVE_INFINITY);
    else {
      while (k < last && from[k + 1] < i) k++;
      put(i, (i - at[k]) ** 2 + f[at[k]]);
    }
  }
}

/** Distance of each pixel of the region to the nearest outside it, in pixels, the image's border being outside; 0 outside. */
export function depthIn(region: Uint8Array, { width, height }: Grid): Float64Array {
  const wide = { width: width + 2, height: height + 2 };
  const outside = new Uint8Array(wide.width * wide.height).fill(1);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) outside[(y + 1) * wide.width + x + 1] = region[y * width + x] ? 0 : 1;
  const distance = distanceTo(outside, wide);
  return Float64Array.from(region, (_, i) => distance[(Math.floor(i / width) + 1) * wide.width + (i % width) + 1]);
}

/**
 * The longest path through the region's skeleton, as [x, y] points from one end to the other: where a person would draw one stroke
 * through all of it. A region without pixels has none.
 */
export function centreline(region: Uint8Array, grid: Grid): [number, number][] {
  const skeleton = largestComponent(thinned(region, grid), grid);
  const first = skeleton.indexOf(1);
  // Thinning wears a block of 2 x 2 away altogether; its middle is any of its pixels.
  if (first < 0) return region.includes(1) ? [pointOf(deepest(region, grid), grid)] : [];
  const end = farthestPath(skeleton, grid, first)[0];
  return farthestPath(skeleton, grid, end).map((i) => pointOf(i, grid));
}

/** The pixel of the region that lies farthest from its outside; the first of equals. @param region  not empty */
export function deepest(region: Uint8Array, grid: Grid): number {
  const depth = depthIn(region, grid);
  return depth.reduce((best, value, i) => (value > depth[best] ? i : best), 0);
}

function pointOf(i: number, { width }: Grid): [number, number] {
  return [i % width, Math.floor(i / width)];
}

/** The pixels from the farthest (in steps) back to `start`. */
function farthestPath(skeleton: Uint8Array, { width, height }: Grid, start: number): number[] {
  const came = new Map<number, number>([[start, -1]]);
  const queue = [start];
  for (const i of queue) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
      for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
        const next = ny * width + nx;
        if (skeleton[next] === 0 || came.has(next)) continue;
        came.set(next, i);
        queue.push(next);
      }
    }
  }
  const path: number[] = [];
  for (let i = queue[queue.length - 1]; i >= 0; i = came.get(i)!) path.push(i);
  return path;
}

/**
 * A thin skeleton by the passes of Zhang and Suen (1984), each pixel keeping its last two neighbours as Lu and Wang (1986) have it: without
 * that, slanted lines two pixels wide are worn away from their ends.
 */
function thinned(region: Uint8Array, { width, height }: Grid): Uint8Array {
  const w = width + 2;
  const padded = new Uint8Array(w * (height + 2));
  let left: number[] = [];
  for (let i = 0; i < region.length; i++) {
    if (!region[i]) continue;
    const at = (Math.floor(i / width) + 1) * w + (i % width) + 1;
    padded[at] = 1;
    left.push(at);
  }
  // Clockwise from the pixel above.
  const around = [-w, -w + 1, 1, w + 1, w, w - 1, -1, -w - 1];
  for (let before = -1; before !== left.length; ) {
    before = left.length;
    for (const pass of [0, 1]) {
      const gone = left.filter((i) => mayGo(padded, i, around, pass));
      for (const i of gone) padded[i] = 0;
      left = left.filter((i) => padded[i] === 1);
    }
  }
  return region.map((_, i) => padded[(Math.floor(i / width) + 1) * w + (i % width) + 1]);
}

function mayGo(padded: Uint8Array, i: number, around: readonly number[], pass: number): boolean {
  let neighbours = 0;
  let rises = 0;
  for (let k = 0; k < 8; k++) {
    const here = padded[i + around[k]];
    neighbours += here;
    if (here === 0 && padded[i + around[(k + 1) & 7]] === 1) rises++;
  }
  if (neighbours < 3 || neighbours > 6 || rises !== 1) return false;
  const [up, right, down, leftward] = [0, 2, 4, 6].map((k) => padded[i + around[k]]);
  return pass === 0
    ? up * right * down === 0 && right * down * leftward === 0
    : up * right * leftward === 0 && up * down * leftward === 0;
}
