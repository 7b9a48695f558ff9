/**
 * What the gallery shows of an offer, as arrays: which candidates are compared, one crop around what differs between them, who covers which of
 * its pixels, and where each candidate grows, in words.
 */
import type { Grid } from "../core/index.ts";
import type { Candidate } from "../model/propose.ts";
import { type Annotation, INSIDE, type InsideChange, takenValue } from "../project/annotation.ts";

/** A rectangle of the image in corner coordinates, not on whole pixels; it may reach past the image's edges. */
export interface Crop {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * What a pixel of a tile is, for one candidate: inside in it as in all others (or taken already), inside in it alone, inside in
 * others only, or taken already and inside no longer.
 */
export type TileKind = "nothing" | "shared" | "adds" | "leaves" | "removes";

/** Differences are looked for on at most this many rows and columns. */
const SEARCHED = 256;
/** Room around what differs, share of its size. */
const MARGIN = 0.15;
/** Smallest crop, image pixels. */
const SMALLEST_CROP = 64;
/** An addition whose middle is nearer to the old middle than this share of its own spread grows on all sides. */
const ALL_AROUND = 0.35;
/** Smallest share that is not printed as zero. */
const LEAST_SHOWN = 0.0005;

/**
 * Candidates that are compared with each other: all but those of all that looks alike, which are so much larger that beside them what the
 * others differ in is too small to be seen.
 *
 * @param candidates  of which the first is none of those
 */
export function alternativesOf<T extends Candidate>(candidates: readonly T[]): T[] {
  return candidates.filter(({ looksAlike }) => !looksAlike);
}

/** Whether a pixel would be inside by all of the candidates, by some, or by none. */
export function agreementAt(
  candidates: readonly Candidate[],
  annotation: Annotation,
  x: number,
  y: number,
): "all" | "some" | "none" {
  let count = 0;
  for (const candidate of candidates) if (valueAfter(candidate, annotation, x, y) & INSIDE) count++;
  if (count === 0) return "none";
  return count === candidates.length ? "all" : "some";
}

/**
 * The part of the image that the tiles of candidates show that are compared: around every pixel on which they differ (or, when they do
 * not, around what they add), 15 % larger, in the tiles' proportions.
 *
 * @param candidates  at least one
 * @param aspect      a tile's width divided by its height
 */
export function cropOf(candidates: readonly Candidate[], annotation: Annotation, aspect: number): Crop {
  const area = unionOf(candidates);
  const step = Math.max(1, Math.ceil(Math.max(area.width, area.height) / SEARCHED));
  const raster = { width: Math.ceil(area.width / step), height: Math.ceil(area.height / step) };
  const whole = { ...area, width: raster.width * step, height: raster.height * step };
  const members = membersOf(candidates, annotation, whole, raster);
  const full = 2 ** candidates.length - 1;
  const differing = bounds(members, raster, (m) => m !== 0 && m !== full) ?? bounds(members, raster, (m) => m !== 0);
  const found = differing ?? { x: 0, y: 0, width: raster.width, height: raster.height };
  const around = withMargin({
    x: area.x + found.x * step,
    y: area.y + found.y * step,
    width: found.width * step,
    height: found.height * step,
  });
  return inProportion(onImage(around, annotation), annotation, aspect);
}

/**
 * [height, width] of `raster`: bit i is set where candidate i has the pixel inside.
 *
 * @param candidates  at most 6
 */
export function membersOf(
  candidates: readonly Candidate[],
  annotation: Annotation,
  crop: Crop,
  raster: Grid,
): Uint8Array {
  return sampleCrop(annotation, crop, raster, (x, y) => {
    let bits = 0;
    for (let i = 0; i < candidates.length; i++)
      if (valueAfter(candidates[i], annotation, x, y) & INSIDE) bits |= 1 << i;
    return bits;
  });
}

/** [height, width] of `raster`: 1 where the annotation has the pixel inside. */
export function takenOf(annotation: Annotation, crop: Crop, raster: Grid): Uint8Array {
  return sampleCrop(annotation, crop, raster, (x, y) => (annotation.data[y * annotation.width + x] & INSIDE ? 1 : 0));
}

/** Reads the image pixel under the middle of each pixel of `raster`; 0 where the crop reaches past the image. */
export function sampleCrop(
  image: Grid,
  crop: Crop,
  raster: Grid,
  valueAt: (x: number, y: number) => number,
): Uint8Array {
  const values = new Uint8Array(raster.width * raster.height);
  for (let row = 0; row < raster.height; row++) {
    const y = Math.floor(crop.y + ((row + 0.5) * crop.height) / raster.height);
    if (y < 0 || y >= image.height) continue;
    for (let column = 0; column < raster.width; column++) {
      const x = Math.floor(crop.x + ((column + 0.5) * crop.width) / raster.width);
      if (x >= 0 && x < image.width) values[row * raster.width + column] = valueAt(x, y);
    }
  }
  return values;
}

/** Share of all that would be inside on which the candidates that are compared disagree, 0 to 1; 0 for fewer than two. */
export function disagreementOf(offered: readonly Candidate[], annotation: Annotation): number {
  const candidates = alternativesOf(offered);
  if (candidates.length < 2) return 0;
  const area = unionOf(candidates);
  const members = membersOf(candidates, annotation, area, area);
  const full = 2 ** candidates.length - 1;
  let [all, disputed] = [0, 0];
  for (const bits of members) {
    if (bits === 0) continue;
    all++;
    if (bits !== full) disputed++;
  }
  return all === 0 ? 0 : disputed / all;
}

/** What the pixel becomes when the candidate is taken (an annotation's byte); beyond its box that is what it is already. */
export function valueAfter({ box, partial }: Candidate, annotation: Annotation, x: number, y: number): number {
  const value = annotation.data[y * annotation.width + x];
  const [cx, cy] = [x - box.x, y - box.y];
  if (cx < 0 || cy < 0 || cx >= box.width || cy >= box.height) return value;
  return takenValue(value, partial, cy * box.width + cx);
}

/**
 * @param bits       candidates that cover the pixel, as `membersOf` gives them
 * @param candidate  from 0
 * @param count      how many candidates there are; a single one has nothing to share but what is `taken` already
 */
export function tileKind(bits: number, candidate: number, count: number, taken: boolean): TileKind {
  const isMine = (bits & (1 << candidate)) !== 0;
  if (taken) return isMine ? "shared" : "removes";
  if (isMine) return count > 1 && bits === 2 ** count - 1 ? "shared" : "adds";
  return bits === 0 ? "nothing" : "leaves";
}

/** "+31 %", "−4 %", or both; "×14" from tenfold on; "+4,310 px" when nothing is inside yet. A change too small to print is left out. */
export function changeWords({ gained, lost }: InsideChange, inside: number): string {
  if (inside === 0) return `+${gained.toLocaleString("en")} px`;
  const isShown = lost / inside >= LEAST_SHOWN;
  if (!isShown) return growthWords(gained, inside);
  const less = `−${shareWords(lost / inside)} %`;
  if (gained / inside < LEAST_SHOWN) return less;
  return `${growthWords(gained, inside).replace(/ %$/, "")} ${less}`;
}

function growthWords(added: number, inside: number): string {
  const growth = added / inside;
  if (growth >= 9) return `×${Math.round(1 + growth)}`;
  return `+${shareWords(growth)} %`;
}

function shareWords(share: number): string {
  return (100 * share).toFixed(share < 0.0995 ? 1 : 0);
}

/**
 * Where a candidate grows: "upper left", "right", "all around"; from the middle of what is inside already to the middle of what
 * it adds beyond what all candidates share (or of all it adds); or where it shrinks, when it adds nothing.
 */
export function placeWords(
  members: Uint8Array,
  taken: Uint8Array,
  raster: Grid,
  candidate: number,
  count: number,
): string {
  const full = 2 ** count - 1;
  const adds = (i: number) => taken[i] === 0 && ((members[i] >> candidate) & 1) === 1;
  const removes = (i: number) => taken[i] === 1 && ((members[i] >> candidate) & 1) === 0;
  const own =
    middleOf(raster, (i) => adds(i) && count > 1 && members[i] !== full) ??
    middleOf(raster, adds) ??
    middleOf(raster, removes);
  if (!own) return "outside only";
  const from = middleOf(raster, (i) => taken[i] === 1) ?? middleOf(raster, (i) => members[i] === full) ?? own;
  const [dx, dy] = [own.x - from.x, own.y - from.y];
  if (Math.hypot(dx, dy) < ALL_AROUND * own.spread) return "all around";
  const vertical = Math.abs(dy) > Math.abs(dx) / 2.4 ? (dy < 0 ? "upper" : "lower") : "";
  const horizontal = Math.abs(dx) > Math.abs(dy) / 2.4 ? (dx < 0 ? "left" : "right") : "";
  return [vertical, horizontal].filter(Boolean).join(" ");
}

/** Middle and spread (root mean square distance from it) of the pixels that `belongs` names. */
function middleOf({ width, height }: Grid, belongs: (index: number) => boolean) {
  let [n, sx, sy, squares] = [0, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!belongs(y * width + x)) continue;
      n++;
      sx += x;
      sy += y;
      squares += x * x + y * y;
    }
  }
  if (n === 0) return null;
  const [x, y] = [sx / n, sy / n];
  return { x, y, spread: Math.sqrt(Math.max(0, squares / n - x * x - y * y)) };
}

function unionOf(candidates: readonly Candidate[]): Crop {
  const left = Math.min(...candidates.map(({ box }) => box.x));
  const top = Math.min(...candidates.map(({ box }) => box.y));
  const right = Math.max(...candidates.map(({ box }) => box.x + box.width));
  const bottom = Math.max(...candidates.map(({ box }) => box.y + box.height));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function bounds(values: Uint8Array, { width, height }: Grid, belongs: (value: number) => boolean): Crop | null {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!belongs(values[y * width + x])) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

function withMargin({ x, y, width, height }: Crop): Crop {
  const [w, h] = [
    Math.max(SMALLEST_CROP, width * (1 + 2 * MARGIN)),
    Math.max(SMALLEST_CROP, height * (1 + 2 * MARGIN)),
  ];
  return { x: x + (width - w) / 2, y: y + (height - h) / 2, width: w, height: h };
}

function onImage(crop: Crop, image: Grid): Crop {
  const [x, y] = [Math.max(0, crop.x), Math.max(0, crop.y)];
  const [right, bottom] = [Math.min(image.width, crop.x + crop.width), Math.min(image.height, crop.y + crop.height)];
  return { x, y, width: right - x, height: bottom - y };
}

/** Larger in one direction, and moved onto the image as far as it fits there. */
function inProportion(crop: Crop, image: Grid, aspect: number): Crop {
  const height = Math.max(crop.height, crop.width / aspect);
  const width = Math.max(crop.width, crop.height * aspect);
  const place = (start: number, size: number, wanted: number, room: number) => {
    const middle = start + (size - wanted) / 2;
    return wanted > room ? (room - wanted) / 2 : Math.min(room - wanted, Math.max(0, middle));
  };
  const x = place(crop.x, crop.width, width, image.width);
  return { x, y: place(crop.y, crop.height, height, image.height), width, height };
}
