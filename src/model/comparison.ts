/**
 * Comparison with what the annotator has marked: maps that tell, for every pixel, how like the marked ones it is and how far from
 * them along the image. What a network learns about one kind of image does not carry over to the next; these maps do.
 *
 *   geodesic distance   shortest path from the marks where steps across an intensity change are long (as in DeepIGeoS: Wang et al. 2019)
 *   barrier             lowest highest gradient on any path from the marks: the flood level of a watershed (Beucher and Lantuéjoul 1979)
 *   likelihood          how much likelier the intensity, or the local mean and deviation, is under the inside marks than outside
 *
 * Where only outside has been marked, as by a box, likelihood and difference compare with all that is left open: much of it is inside.
 */
import { blurredWith, type Grid, type PartialSegmentation } from "../core/index.ts";

/** What has been marked, on the window's cells; each [H, W] with values 0 or 1. */
export interface Marks {
  /** By hand: never to be changed. */
  readonly inside: Uint8Array;
  readonly outside: Uint8Array;
  /** Segmented so far by taken candidates too, and inside of that; both include the marks by hand. */
  readonly segmented: Uint8Array;
  readonly segmentedInside: Uint8Array;
}

/** Marks of a partial segmentation that was drawn by hand as a whole. */
export function marksByHand({
  partialness,
  segmentation,
}: Pick<PartialSegmentation, "partialness" | "segmentation">): Marks {
  return {
    inside: segmentation,
    outside: partialness.map((value, i) => value - segmentation[i]),
    segmented: partialness,
    segmentedInside: segmentation,
  };
}

/** Planes, in order, that `compare` makes. */
export const PLANES = [
  "image",
  "inside",
  "outside",
  "segmented",
  "segmentedInside",
  "onImage",
  "nearInside",
  "nearOutside",
  "geodesicInside",
  "geodesicOutside",
  "barrierInside",
  "barrierOutside",
  "difference",
  "intensityLikelihood",
  "textureLikelihood",
  "step",
] as const;

/**
 * Lengths of the steps from each pixel to its neighbour on the left, above, and above to both sides; each [H, W], FAR where a step would
 * leave the image, between margins of W + 1 values, FAR too, so that no sweep need ask where the edge is.
 */
interface StepLengths {
  readonly left: Float32Array;
  readonly up: Float32Array;
  readonly upLeft: Float32Array;
  readonly upRight: Float32Array;
}

/** What of the planes depends on the image alone: made once an image, used for every answer. */
export interface ImageMaps extends Grid {
  readonly image: Float32Array;
  readonly onImage: Uint8Array;
  readonly near: StepLengths;
  readonly geodesic: StepLengths;
  /** Intensity with the noise taken off, and mean and deviation around each pixel */
  readonly smooth: Float32Array;
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
  /** Gradient magnitude in 256 levels */
  readonly gradient: Uint8Array;
  /** Intensity in INTENSITY_BINS, local mean and deviation in TEXTURE_BINS squared */
  readonly intensityBin: Uint8Array;
  readonly textureBin: Uint16Array;
}

const INTENSITY_BINS = 64;
const MEAN_BINS = 24;
const DEVIATION_BINS = 12;
/** Width in bins of the kernel over the intensity histogram. */
const INTENSITY_KERNEL = 2;
const TEXTURE_KERNEL = 1.2;
/** Pixels of the Gaussians that take noise off, and under which mean and deviation are local. */
export const NOISE_SIGMA = 0.8;
export const LOCAL_SIGMA = 2;
/** A gradient of this much a pixel is the top level. */
const STEEPEST = 0.35;
/** Length of a geodesic step across the whole intensity range, in pixels. */
const GEODESIC_GAMMA = 60;
const FAR = 1e6;
/** Distances at which the maps have fallen to 1 / e, in pixels. */
const GEODESIC_REACH = 24;
const NEAR_REACH = 16;
const BARRIER_REACH = 80;
/** Prior weight of the likelihoods: a class with few marked pixels says little. */
const LEAST_EVIDENCE = 4;

/**
 * @param values   [H, W], intensities in [0, 1]
 * @param onImage  [H, W], 0 on padding
 */
export function imageMaps(values: Float32Array, onImage: Uint8Array, grid: Grid): ImageMaps {
  // Padding is dark in training; what a window reads beyond an edge (its own border, repeated) would look unlike it.
  const image = values.map((value, i) => (onImage[i] ? value : 0));
  const squares = image.map((value) => value * value);
  const [mean, meanOfSquares] = [image, squares].map((of) => blurredWith(of, grid, LOCAL_SIGMA));
  // Filled by loops: `from` with a callback is much slower.
  const intensityBin = new Uint8Array(image.length);
  const textureBin = new Uint16Array(image.length);
  const deviation = new Float32Array(image.length);
  for (let i = 0; i < image.length; i++) {
    deviation[i] = Math.sqrt(Math.max(0, meanOfSquares[i] - mean[i] * mean[i]));
    intensityBin[i] = binOf(image[i], INTENSITY_BINS);
    textureBin[i] = binOf(mean[i], MEAN_BINS) * DEVIATION_BINS + binOf(Math.sqrt(deviation[i] * 3), DEVIATION_BINS);
  }
  const smooth = blurredWith(image, grid, NOISE_SIGMA);
  return {
    ...grid,
    image,
    onImage,
    near: stepLengths(image, grid, 0),
    geodesic: stepLengths(image, grid, GEODESIC_GAMMA),
    smooth,
    mean,
    deviation,
    gradient: gradientLevels(smooth, grid),
    intensityBin,
    textureBin,
  };
}

/**
 * Writes the planes into `out` from `offset`, each [H, W].
 *
 * @param step  how much of what is left the answer is to add, (0, 1]
 */
export function compare(maps: ImageMaps, marks: Marks, step: number, out: Float32Array, offset = 0): void {
  const { width, height, image, onImage } = maps;
  const area = width * height;
  const plane = (k: number) => out.subarray(offset + k * area, offset + (k + 1) * area);
  plane(0).set(image.map((value, i) => (onImage[i] ? value - 0.5 : 0)));
  plane(1).set(marks.inside);
  plane(2).set(marks.outside);
  plane(3).set(marks.segmented);
  plane(4).set(marks.segmentedInside);
  plane(5).set(onImage);
  const seedsOf = seedsToCompare(marks);
  for (const [k, seeds] of [seedsOf.inside, seedsOf.outside].entries()) {
    if (!seeds.includes(1)) {
      for (const first of [6, 8, 10]) plane(first + k).fill(0);
      continue;
    }
    decayed(chamfer(seeds, width, maps.near, 1), NEAR_REACH, plane(6 + k));
    decayed(chamfer(seeds, width, maps.geodesic, 2), GEODESIC_REACH, plane(8 + k));
    decayed(barrier(seeds, maps), BARRIER_REACH, plane(10 + k));
  }
  const likely = seedsOf.inside.includes(1) ? seedsOf : { ...seedsOf, inside: leftOpen(seedsOf.outside, onImage) };
  const mean = meanOver(image, likely.inside);
  plane(12).set(image.map((value, i) => (mean === null || !onImage[i] ? 0 : value - mean)));
  likelihood(maps.intensityBin, [INTENSITY_BINS, 1], INTENSITY_KERNEL, maps, likely, plane(13));
  likelihood(maps.textureBin, [MEAN_BINS, DEVIATION_BINS], TEXTURE_KERNEL, maps, likely, plane(14));
  plane(15).fill(step);
}

/** The marks by hand; where nothing has been marked inside by hand, all that has been segmented. */
function seedsToCompare({ inside, outside, segmented, segmentedInside }: Marks): Pick<Marks, "inside" | "outside"> {
  if (inside.includes(1)) return { inside, outside };
  return { inside: segmentedInside, outside: segmented.map((value, i) => value & (1 - segmentedInside[i])) };
}

/** What is on the image and not outside; nothing where nothing is outside. */
function leftOpen(outside: Uint8Array, onImage: Uint8Array): Uint8Array {
  if (!outside.includes(1)) return outside;
  return onImage.map((value, i) => value & (1 - outside[i]));
}

function binOf(value: number, bins: number): number {
  return Math.min(bins - 1, Math.max(0, Math.floor(value * bins)));
}

function decayed(distance: Float32Array, reach: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = Math.exp(-distance[i] / reach);
}

function meanOver(values: Float32Array, mask: Uint8Array): number | null {
  let [sum, count] = [0, 0];
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    sum += values[i];
    count++;
  }
  return count === 0 ? null : sum / count;
}

/** Each step is `length * sqrt(1 + (gamma * change)^2)` long. */
function stepLengths(image: Float32Array, { width, height }: Grid, gamma: number): StepLengths {
  const margin = width + 1;
  const lengths = (dx: number, dy: number) => {
    const out = new Float32Array(image.length + 2 * margin).fill(FAR);
    const length = Math.hypot(dx, dy);
    const back = dy * width + dx;
    for (let y = dy; y < height; y++) {
      for (let x = Math.max(0, dx); x < width + Math.min(0, dx); x++) {
        const i = y * width + x;
        const change = gamma * (image[i] - image[i - back]);
        out[margin + i] = length * Math.sqrt(1 + change * change);
      }
    }
    return out;
  };
  return { left: lengths(1, 0), up: lengths(0, 1), upLeft: lengths(1, 1), upRight: lengths(-1, 1) };
}

/**
 * Distance from the seeds over 8-neighbour steps of the given lengths, by raster sweeps there and back (Toivanen 1996): two rounds reach
 * everything but rare spirals.
 *
 * @returns [H, W], FAR and more where no step leads
 */
function chamfer(seeds: Uint8Array, width: number, steps: StepLengths, rounds: number): Float32Array {
  const { left, up, upLeft, upRight } = steps;
  const margin = width + 1;
  const distance = new Float32Array(left.length).fill(FAR);
  for (let i = 0; i < seeds.length; i++) if (seeds[i]) distance[margin + i] = 0;
  // Plain comparisons and margins instead of Math.min and questions about edges: these sweeps were most of the time.
  for (let round = 0; round < rounds; round++) {
    for (let i = margin; i < distance.length - margin; i++) {
      const above = i - width;
      let best = distance[i];
      let next = distance[i - 1] + left[i];
      if (next < best) best = next;
      next = distance[above] + up[i];
      if (next < best) best = next;
      next = distance[above - 1] + upLeft[i];
      if (next < best) best = next;
      next = distance[above + 1] + upRight[i];
      if (next < best) best = next;
      distance[i] = best;
    }
    for (let i = distance.length - margin - 1; i >= margin; i--) {
      const below = i + width;
      let best = distance[i];
      let next = distance[i + 1] + left[i + 1];
      if (next < best) best = next;
      next = distance[below] + up[below];
      if (next < best) best = next;
      next = distance[below - 1] + upRight[below - 1];
      if (next < best) best = next;
      next = distance[below + 1] + upLeft[below + 1];
      if (next < best) best = next;
      distance[i] = best;
    }
  }
  return distance.subarray(margin, margin + seeds.length);
}

/** The flood level at which each pixel is reached from the seeds, 0 to 255: a queue for each level. */
function barrier(seeds: Uint8Array, { width, height, gradient }: ImageMaps): Float32Array {
  const level = new Float32Array(seeds.length).fill(255);
  const done = new Uint8Array(seeds.length);
  const queues: number[][] = Array.from({ length: 256 }, () => []);
  for (let i = 0; i < seeds.length; i++) {
    if (seeds[i] === 0) continue;
    done[i] = 1;
    level[i] = 0;
    queues[0].push(i);
  }
  for (let flood = 0; flood < 256; flood++) {
    const queue = queues[flood];
    for (let at = 0; at < queue.length; at++) {
      const i = queue[at];
      const x = i % width;
      const reach = (next: number) => {
        if (done[next]) return;
        done[next] = 1;
        level[next] = Math.max(flood, gradient[next]);
        queues[level[next]].push(next);
      };
      if (x > 0) reach(i - 1);
      if (x < width - 1) reach(i + 1);
      if (i >= width) reach(i - width);
      if (i < width * (height - 1)) reach(i + width);
    }
  }
  return level;
}

/**
 * Log ratio of a pixel's bin under the inside marks and under what is outside, squashed to [-1, 1]; 0 without inside marks.
 * Outside is the marks outside together with the whole image, which stands in until there are enough of them.
 */
function likelihood(
  bin: Uint8Array | Uint16Array,
  [rows, columns]: readonly [number, number],
  sigma: number,
  { onImage }: ImageMaps,
  { inside, outside }: Pick<Marks, "inside" | "outside">,
  out: Float32Array,
): void {
  const counts = {
    inside: new Float32Array(rows * columns),
    outside: new Float32Array(rows * columns),
    all: new Float32Array(rows * columns),
  };
  let [insides, outsides, all] = [0, 0, 0];
  for (let i = 0; i < bin.length; i++) {
    if (!onImage[i]) continue;
    counts.all[bin[i]]++;
    all++;
    if (inside[i]) {
      counts.inside[bin[i]]++;
      insides++;
    } else if (outside[i]) {
      counts.outside[bin[i]]++;
      outsides++;
    }
  }
  if (insides === 0) {
    out.fill(0);
    return;
  }
  const grid = { width: columns, height: rows };
  const [p, q, background] = [counts.inside, counts.outside, counts.all].map((histogram) =>
    blurredWith(histogram, grid, sigma),
  );
  const trust = outsides / (outsides + 8 * LEAST_EVIDENCE);
  const ratio = p.map((value, b) => {
    const spread = background[b] / all;
    const within = (value + LEAST_EVIDENCE * spread) / (insides + LEAST_EVIDENCE);
    const marked = outsides > 0 ? q[b] / outsides : 0;
    const beyond = trust * marked + (1 - trust) * spread + 1e-4;
    return Math.tanh(Math.log((within + 1e-4) / beyond) / 2);
  });
  for (let i = 0; i < out.length; i++) out[i] = onImage[i] ? ratio[bin[i]] : 0;
}

function gradientLevels(image: Float32Array, { width, height }: Grid): Uint8Array {
  const out = new Uint8Array(image.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const dx = (image[i + Number(x < width - 1)] - image[i - Number(x > 0)]) / 2;
      const dy = (image[y < height - 1 ? i + width : i] - image[y > 0 ? i - width : i]) / 2;
      // The root spreads the faint edges, which are most of them, over more levels.
      out[i] = Math.min(255, Math.round(255 * Math.sqrt(Math.hypot(dx, dy) / STEEPEST)));
    }
  }
  return out;
}
