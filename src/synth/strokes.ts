/**
 * What annotators draw, simulated: strokes, brush strokes and clicks inside a region, loops and boxes around an object, extreme points.
 * The stroke model is that of the peers' harness (`bench/peers` of the project's shared material): half the time a stretch of the
 * region's centre line, else the longest of ten random chords, bowed; 1, 3 or 5 pixels across, and never outside the region.
 * A brush follows the whole centre line with a hand's tremor, and spills where it is wide.
 */
import {
  blurredWith,
  boundsOf,
  centreline,
  deepest,
  distanceTo,
  type Grid,
  largestComponent,
  type Rng,
  type Stroke,
  visitStroke,
} from "../core/index.ts";

export type PromptKind = "scribble" | "brush" | "click" | "box";

export interface Prompt {
  readonly kind: PromptKind;
  /** 1 inside, 0 outside */
  readonly label: 0 | 1;
  /** The path of the hand, [x, y] in pixels; a box is its top left and bottom right pixel. */
  readonly points: readonly (readonly [number, number])[];
  /** [H, W], the pixels it marks; a box fills its rectangle */
  readonly pixels: Uint8Array;
}

/** Share of strokes that are chords where there is room for one; the others run along the centre line. */
const CHORD_SHARE = 0.5;
const CHORDS = 10;
/** Diameters of pens that draw lines 1, 3 and 5 pixels across, also slanted ones: the pixels of OpenCV's thickness 1, 2 and 3, nearly. */
const PEN_WIDTHS = [1, 2 * Math.SQRT2, 4] as const;
/** The same of brushes of thickness 1, 3 and 9, on a window of 128. */
const BRUSH_WIDTHS = [1, 4, 11] as const;
/** The tremor of a hand that paints: its deviation in image sides, the pixels along the path over which it is smooth, the shortest path. */
const TREMOR = 0.5 / 128;
const TREMOR_SMOOTH = 4;
const LEAST_TREMBLING = 9;
/** A region of fewer pixels has no room for a chord. */
const LEAST_CHORD_REGION = 12;
const LEAST_CHORD = 3;
/** Distance of a loose loop from the object, in image sides. */
const LOOP_GAP = [0.04, 0.1] as const;
/** Most that each side of a box is off, in image sides. */
const BOX_SLACK = 0.03;

/** @param region  not empty */
export function scribbleIn(rng: Rng, region: Uint8Array, grid: Grid, label: 0 | 1): Prompt {
  const width = PEN_WIDTHS[rng.below(PEN_WIDTHS.length)];
  const chord = rng.uniform() < CHORD_SHARE ? bowedChord(rng, region, grid) : null;
  const points = chord ?? stretch(rng, centreline(region, grid));
  return { kind: "scribble", label, points, pixels: drawnIn(region, grid, points, width) };
}

/**
 * A brush stroke along the region's centre line, as wide as mends most pixels net of those it spoils.
 *
 * @param region  not empty, of pixels that are `truth === label` and not shown so
 * @param shown   [H, W], 1 where it is shown as inside before the stroke
 * @param valid   [H, W], 0 on padding
 */
export function brushIn(
  rng: Rng,
  region: Uint8Array,
  { shown, truth, valid }: { shown: Uint8Array; truth: Uint8Array; valid: Uint8Array },
  grid: Grid,
  label: 0 | 1,
): Prompt {
  const points = trembling(rng, centreline(region, grid), grid);
  let best = { gain: Number.NEGATIVE_INFINITY, pixels: region };
  for (const width of BRUSH_WIDTHS) {
    const pixels = new Uint8Array(region.length);
    let gain = 0;
    visitStroke({ points, width: Math.max(1, (width * grid.height) / 128) }, grid, (i) => {
      if (!valid[i] || pixels[i]) return;
      pixels[i] = 1;
      if (truth[i] !== label) gain -= Number(shown[i] === truth[i]);
      else gain += Number(shown[i] !== truth[i]);
    });
    if (gain > best.gain) best = { gain, pixels };
  }
  return { kind: "brush", label, points, pixels: best.pixels };
}

/**
 * The pixels of a prompt that the hand is sure of: of a brush stroke its middle line, for its sides spill; of any other all.
 *
 * @returns [H, W], 1 where sure
 */
export function sureOf({ kind, points, pixels }: Pick<Prompt, "kind" | "points" | "pixels">, grid: Grid): Uint8Array {
  return kind === "brush" ? drawnIn(pixels, grid, points, 1) : pixels;
}

/** A click where the region is deepest. @param region  not empty */
export function clickIn(region: Uint8Array, grid: Grid, label: 0 | 1): Prompt {
  const middle = deepest(region, grid);
  const pixels = new Uint8Array(region.length);
  pixels[middle] = 1;
  return { kind: "click", label, points: [[middle % grid.width, Math.floor(middle / grid.width)]], pixels };
}

/**
 * One loose loop outside, around the object's convex hull; where the object fills the image, a stroke beside it.
 *
 * @param truth  not empty, and not all of what is valid
 */
export function loopAround(rng: Rng, truth: Uint8Array, valid: Uint8Array, grid: Grid): Prompt {
  const { width } = grid;
  const gap = rng.between(...LOOP_GAP) * grid.height;
  const away = distanceTo(filled(convexHull(truth, grid), grid), grid);
  const loop = rimOf(
    Uint8Array.from(away, (distance) => Number(distance <= gap)),
    grid,
  );
  const pixels = truth.map((value, i) => loop[i] & valid[i] & (1 - value));
  const outside = truth.map((value, i) => valid[i] & (1 - value));
  if (!pixels.includes(1)) return scribbleIn(rng, largestComponent(outside, grid), grid, 0);
  const points = around([...loop.keys()].filter((i) => loop[i] === 1).map((i) => [i % width, Math.floor(i / width)]));
  return { kind: "scribble", label: 0, points, pixels };
}

/** A box dragged around the object, each side up to 3 % of the image off. @param truth  not empty */
export function boxAround(rng: Rng, truth: Uint8Array, grid: Grid): Prompt {
  const bounds = boundsOf(truth, grid)!;
  const slack = () => Math.round(rng.between(0, BOX_SLACK) * grid.height);
  const [left, top] = [Math.max(0, bounds.x - slack()), Math.max(0, bounds.y - slack())];
  const right = Math.min(grid.width - 1, bounds.x + bounds.width - 1 + slack());
  const bottom = Math.min(grid.height - 1, bounds.y + bounds.height - 1 + slack());
  const pixels = new Uint8Array(truth.length);
  for (let y = top; y <= bottom; y++) pixels.fill(1, y * grid.width + left, y * grid.width + right + 1);
  return {
    kind: "box",
    label: 1,
    points: [
      [left, top],
      [right, bottom],
    ],
    pixels,
  };
}

/** The longest run inside the region of the longest of ten random chords, bowed; null when there is no room. */
function bowedChord(rng: Rng, region: Uint8Array, { width, height }: Grid): [number, number][] | null {
  const inside: number[] = [];
  for (let i = 0; i < region.length; i++) if (region[i]) inside.push(i);
  if (inside.length < LEAST_CHORD_REGION) return null;
  let best = { length: -1, ax: 0, ay: 0, bx: 0, by: 0 };
  for (let k = 0; k < CHORDS; k++) {
    const [a, b] = [inside[rng.below(inside.length)], inside[rng.below(inside.length)]];
    const [ax, ay, bx, by] = [a % width, Math.floor(a / width), b % width, Math.floor(b / width)];
    const length = Math.hypot(bx - ax, by - ay);
    if (length > best.length) best = { length, ax, ay, bx, by };
  }
  const { length, ax, ay, bx, by } = best;
  const bow = 0.1 * rng.normal();
  const steps = Math.max(2, Math.floor(length) + 1);
  let run: [number, number][] = [];
  let longest: [number, number][] = [];
  for (let s = 0; s < steps; s++) {
    const t = s / (steps - 1);
    const off = 4 * t * (1 - t) * bow;
    const x = Math.round((1 - t) * ax + t * bx - off * (by - ay));
    const y = Math.round((1 - t) * ay + t * by + off * (bx - ax));
    const onRegion = x >= 0 && y >= 0 && x < width && y < height && region[y * width + x] === 1;
    if (!onRegion) run = [];
    else if (run.at(-1)?.[0] !== x || run.at(-1)?.[1] !== y) run = [...run, [x, y]];
    if (run.length > longest.length) longest = run;
  }
  return longest.length >= LEAST_CHORD ? longest : null;
}

/** 60 to 100 % of a path. */
function stretch(rng: Rng, path: [number, number][]): [number, number][] {
  const keep = Math.max(1, Math.round(path.length * rng.between(0.6, 1)));
  const first = rng.below(path.length - keep + 1);
  return path.slice(first, first + keep);
}

/** A path as a hand follows it that trembles. */
function trembling(rng: Rng, path: [number, number][], { width, height }: Grid): [number, number][] {
  const line = { width: path.length, height: 1 };
  const [dx, dy] = [0, 1].map(() => blurredWith(rng.normals(path.length), line, TREMOR_SMOOTH));
  const both = [...dx, ...dy];
  const middle = both.reduce((sum, value) => sum + value, 0) / both.length;
  const deviation = Math.sqrt(both.reduce((sum, value) => sum + (value - middle) ** 2, 0) / both.length);
  const scale = path.length < LEAST_TREMBLING ? 1 : (TREMOR * height) / Math.max(deviation, 1e-6);
  const within = (value: number, size: number) => Math.min(size - 1, Math.max(0, Math.round(value)));
  return path.map(([x, y], i) => [within(x + scale * dx[i], width), within(y + scale * dy[i], height)]);
}

function drawnIn(region: Uint8Array, grid: Grid, points: Stroke["points"], width: number): Uint8Array {
  const pixels = new Uint8Array(region.length);
  visitStroke({ points, width }, grid, (i) => {
    pixels[i] = region[i];
  });
  if (!pixels.includes(1)) pixels[points[0][1] * grid.width + points[0][0]] = 1;
  return pixels;
}

/** Pixels of a region that touch its outside by a side, the image's border being outside. */
function rimOf(region: Uint8Array, { width, height }: Grid): Uint8Array {
  return region.map((value, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const isInner =
      x > 0 &&
      y > 0 &&
      x < width - 1 &&
      y < height - 1 &&
      region[i - 1] + region[i + 1] + region[i - width] + region[i + width] === 4;
    return value === 1 && !isInner ? 1 : 0;
  });
}

/** The points of a convex rim in the order in which a hand would pass them. */
function around(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const middle = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  const angle = ([x, y]: readonly [number, number]) => Math.atan2(y - middle[1], x - middle[0]);
  return points.toSorted((a, b) => angle(a) - angle(b));
}

/** Corners in order, [x, y] (Andrew's monotone chain). */
function convexHull(mask: Uint8Array, { width }: Grid): [number, number][] {
  const points: [number, number][] = [];
  for (let x = 0; x < width; x++)
    for (let i = x; i < mask.length; i += width) if (mask[i]) points.push([x, Math.floor(i / width)]);
  const half = (ordered: readonly [number, number][]) => {
    const chain: [number, number][] = [];
    for (const [x, y] of ordered) {
      while (chain.length > 1) {
        const [[ax, ay], [bx, by]] = chain.slice(-2);
        if ((bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0) break;
        chain.pop();
      }
      chain.push([x, y]);
    }
    return chain;
  };
  const [lower, upper] = [half(points), half(points.toReversed())];
  return lower.length > 1 ? [...lower.slice(0, -1), ...upper.slice(0, -1)] : points.slice(0, 1);
}

/** The pixels of a convex polygon, its edges included; two corners make a line, one a point. */
function filled(hull: readonly (readonly [number, number])[], grid: Grid): Uint8Array {
  const pixels = new Uint8Array(grid.width * grid.height);
  if (hull.length <= 2) {
    visitStroke({ points: hull, width: 1 }, grid, (i) => {
      pixels[i] = 1;
    });
    return pixels;
  }
  return pixels.map((_, i) => {
    const [x, y] = [i % grid.width, Math.floor(i / grid.width)];
    const isLeft = ([ax, ay]: readonly [number, number], k: number) => {
      const [bx, by] = hull[(k + 1) % hull.length];
      return (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0;
    };
    return Number(hull.every(isLeft));
  });
}
