/**
 * Candidates of all that looks like what is marked. Of a kind that it has never seen the network takes one thing and misses its siblings; what
 * they look like is told by the marks alone, on this image, without training.
 *
 *   what a cell looks like: its intensity, and the mean and deviation around it
 *   -> Gaussian process regression from the marks by hand (Rasmussen & Williams 2006, equation 2.25): log odds of inside for every cell
 *   -> two candidates: these alone, and added to the network's log odds
 */
import { blurredWith } from "../core/index.ts";
import { type ImageMaps, LOCAL_SIGMA, NOISE_SIGMA } from "./comparison.ts";
import type { CellProbabilities, Reading } from "./window.ts";

/** Candidates that `lookAlikes` makes. */
export const LOOK_ALIKES = 2;

/** Looks are told on a lattice of so many steps along each map, so many a standard deviation of the map: what lies beyond is at its end. */
const STEPS = 12;
const STEPS_A_DEVIATION = 2;
/** A map that varies less (standard deviation, of intensities in [0, 1]) says nothing. */
const FLAT = 1e-4;

/** Most cells of each label that stand for what is marked. */
const MOST_MARKS = 30;
/** Cells that stand for outside, where the answer is outside: what is marked there looks like little of it; */
const STAND_INS = 60;
/** each worth this much of a mark. */
const STAND_IN_TRUST = 0.5;
/** Log odds of what is marked; variance of the noise on them; and length scale of the kernel, whose variance is 1, in steps. */
const MARKED = 2;
const NOISE = 0.5;
const LENGTH_SCALE = 2.4;

const EVEN = 0.5;
/** How far from even the network's log odds count beside these. */
const SUREST = 4;
const LEAST = 1 / (1 + Math.exp(SUREST));

type Appearance = Pick<ImageMaps, "width" | "height" | "smooth" | "mean" | "deviation" | "onImage">;

/**
 * @param marked  what is marked by hand, on the window's cells
 * @param answer  the network's likeliest
 * @returns       LOOK_ALIKES of them, the more telling first, to be cut at one half as the answer is: alone, and with it; none where nothing is marked
 *                inside
 */
export function lookAlikes(
  maps: Appearance,
  { xm, xs }: Pick<Reading, "xm" | "xs">,
  { partialness, segmentation }: CellProbabilities,
): CellProbabilities[] {
  const { onImage } = maps;
  const cells: Record<"inside" | "outside" | "open", number[]> = { inside: [], outside: [], open: [] };
  for (let i = 0; i < onImage.length; i++)
    if (onImage[i]) cells[xm[i] ? (xs[i] ? "inside" : "outside") : "open"].push(i);
  if (cells.inside.length === 0) return [];
  const standIns = spreadOver(cells.open, STAND_INS).filter((i) => segmentation[i] < EVEN);
  const looks = withoutPadding(maps).map((map) => onLattice(map, onImage));
  const example = (target: number) => (cell: number) => ({ look: looks.map((map) => map[cell]), target });
  const alike = regression([
    ...spreadOver(cells.inside, MOST_MARKS).map(example(MARKED)),
    ...spreadOver(cells.outside, MOST_MARKS).map(example(-MARKED)),
    ...standIns.map(example(-MARKED * STAND_IN_TRUST)),
  ]);
  const together = new Float32Array(onImage.length);
  const alone = new Float32Array(onImage.length);
  const [x, y, z] = looks;
  for (let i = 0; i < onImage.length; i++) {
    if (!onImage[i]) continue;
    const unlike = Math.exp(-alike(x[i], y[i], z[i]));
    alone[i] = 1 / (1 + unlike);
    together[i] = 1 / (1 + unlike / boundedOdds(segmentation[i]));
  }
  return [alone, together].map((each) => ({ partialness, segmentation: each }));
}

/** The three maps; padding, which is dark in them, does not count (normalised convolution: Knutsson & Westin 1993). */
function withoutPadding({ smooth, mean, deviation, onImage, ...grid }: Appearance): Float32Array[] {
  if (!onImage.includes(0)) return [smooth, mean, deviation];
  const [narrow, wide] = [NOISE_SIGMA, LOCAL_SIGMA].map((sigma) =>
    blurredWith(Float32Array.from(onImage), grid, sigma),
  );
  const meanOnImage = mean.map((value, i) => value / wide[i]);
  return [
    smooth.map((value, i) => value / narrow[i]),
    meanOnImage,
    deviation.map((value, i) => {
      const meanOfSquares = (value * value + mean[i] * mean[i]) / wide[i];
      return Math.sqrt(Math.max(0, meanOfSquares - meanOnImage[i] * meanOnImage[i]));
    }),
  ];
}

/** A map in steps, [0, STEPS]: its mean in the middle, and all of it where it hardly varies. */
function onLattice(map: Float32Array, onImage: Uint8Array): Float32Array {
  let [sum, squares, count] = [0, 0, 0];
  for (let i = 0; i < map.length; i++) {
    if (!onImage[i]) continue;
    sum += map[i];
    squares += map[i] * map[i];
    count++;
  }
  const middle = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - middle * middle));
  const scale = deviation < FLAT ? 0 : STEPS_A_DEVIATION / deviation;
  const steps = new Float32Array(map.length);
  for (let i = 0; i < map.length; i++)
    if (onImage[i]) steps[i] = Math.min(STEPS, Math.max(0, STEPS / 2 + (map[i] - middle) * scale));
  return steps;
}

interface Example {
  /** Intensity, mean and deviation, on the lattice. */
  readonly look: readonly number[];
  readonly target: number;
}

/**
 * @returns the posterior mean at any look: k^T (K + NOISE I)^-1 targets, interpolated between the lattice's points. The kernel is a product over
 *          the maps and wider than two steps, so that these are few, and cheap to fill.
 */
function regression(examples: readonly Example[]): (x: number, y: number, z: number) => number {
  const kernel = (squaredDistance: number) => Math.exp(-squaredDistance / (2 * LENGTH_SCALE * LENGTH_SCALE));
  const matrix = examples.map(() => new Float64Array(examples.length));
  for (const [k, { look }] of examples.entries()) {
    const [x, y, z] = look;
    for (let j = 0; j <= k; j++) {
      const [a, b, c] = examples[j].look;
      matrix[k][j] = kernel((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) + (j === k ? NOISE : 0);
    }
  }
  const weights = solved(
    matrix,
    examples.map(({ target }) => target),
  );
  const points = STEPS + 1;
  const table = new Float32Array(points ** 3);
  for (const [k, { look }] of examples.entries()) {
    const [a, b, c] = look.map((step) => Float64Array.from({ length: points }, (_, at) => kernel((at - step) ** 2)));
    for (let x = 0, at = 0; x < points; x++)
      for (let y = 0; y < points; y++) {
        const weight = weights[k] * a[x] * b[y];
        for (let z = 0; z < points; z++, at++) table[at] += weight * c[z];
      }
  }
  return (x, y, z) => {
    const i = Math.min(STEPS - 1, Math.floor(x));
    const j = Math.min(STEPS - 1, Math.floor(y));
    const k = Math.min(STEPS - 1, Math.floor(z));
    const along = (at: number) => table[at] + (table[at + 1] - table[at]) * (z - k);
    const across = (at: number) => along(at) + (along(at + points) - along(at)) * (y - j);
    const at = (i * points + j) * points + k;
    return across(at) + (across(at + points * points) - across(at)) * (x - i);
  };
}

/** x of `matrix` x = `values` for a symmetric positive definite matrix, of which the lower half is read, by Cholesky's decomposition, which overwrites it. */
function solved(matrix: readonly Float64Array[], values: readonly number[]): Float64Array {
  const x = Float64Array.from(values);
  const n = x.length;
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = matrix[i][j];
      for (let k = 0; k < j; k++) sum -= matrix[i][k] * matrix[j][k];
      matrix[i][j] = i === j ? Math.sqrt(sum) : sum / matrix[j][j];
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= matrix[i][k] * x[k];
    x[i] /= matrix[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= matrix[k][i] * x[k];
    x[i] /= matrix[i][i];
  }
  return x;
}

/** At most `count` of them, evenly spaced. */
function spreadOver(cells: readonly number[], count: number): number[] {
  const kept = Math.min(count, cells.length);
  return Array.from({ length: kept }, (_, k) => cells[Math.floor(((k + 0.5) * cells.length) / kept)]);
}

function boundedOdds(probability: number): number {
  const bounded = Math.min(1 - LEAST, Math.max(LEAST, probability));
  return bounded / (1 - bounded);
}
