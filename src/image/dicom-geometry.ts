/**
 * Where a stack of frames lies: their order, the matrix, and what is not as it should be. DICOM's places are LPS, in mm (PS3.3, section C.7.6.2.1.1); x and y
 * change their sign on the way to RAS+.
 *
 *   toWorld = [ row * between columns | column * between rows | step | place of the first pixel of slice 0 ]
 *
 * Slices are sorted along the normal of their planes. The step is the way from the first to the last slice, divided evenly: so a tilted gantry's shear is kept.
 */
import type { Frame, FrameGeometry } from "./dicom-instance.ts";
import type { Affine } from "./volume.ts";

/** Places that are less than this apart are the same, in mm. */
const SAME_PLACE = 1e-3;
/** How far a slice may be from where the matrix says, in steps. Rounded places stay well below. */
const EVEN = 0.01;
/** How far a gap may be from a whole number of steps, when slices are missing. */
const WHOLE_GAP = 0.05;
/** Degrees that are called a tilt. */
const TILT = 0.1;

type Vector = readonly number[];

export interface Placed {
  readonly toWorld: Affine;
  /** What the annotator should know, a sentence or two each */
  readonly notes: readonly string[];
}

/** Distance of a frame along the normal of its plane, in mm; null where it has no place. */
export function heightOf({ orientation, position }: FrameGeometry): number | null {
  return orientation && position && dot(normalOf(orientation), position);
}

/** Frames at the same height, in the order of heights; frames of one place in the order of time. */
export function places(frames: readonly Frame[]): Frame[][] {
  const withHeight = frames.map((frame) => ({ frame, height: heightOf(frame.geometry) ?? 0 }));
  withHeight.sort((a, b) => a.height - b.height);
  const groups: { height: number; frames: Frame[] }[] = [];
  for (const { frame, height } of withHeight) {
    const last = groups.at(-1);
    if (last && height - last.height < SAME_PLACE) last.frames.push(frame);
    else groups.push({ height, frames: [frame] });
  }
  return groups.map((group) => group.frames.sort(byTime));
}

export function byTime(a: Frame, b: Frame): number {
  for (let i = 0; i < a.order.length; i++) if (a.order[i] !== b.order[i]) return a.order[i] - b.order[i];
  return 0;
}

/** @param stack  frames in their order, of one size, spacing and orientation, each at another place or none at any */
export function placeStack(stack: readonly Frame[]): Placed {
  const { orientation, position, spacing, spacingFrom, thickness } = stack[0].geometry;
  const notes: string[] = [];
  if (!spacing)
    notes.push("The file does not say how large a pixel is; 1 mm is used. Lengths and areas are in pixels.");
  if (spacingFrom === "ratio")
    notes.push(
      "The file says the shape of a pixel, not its size; it is taken as 1 mm wide. Lengths and areas are not in mm.",
    );
  if (spacingFrom === "detector")
    notes.push(
      "Pixels are measured at the detector. In the patient they are smaller, by a magnification that is not known.",
    );
  const [betweenRows, betweenColumns] = spacing ?? [1, 1];
  const [row, column] = orientation
    ? [orientation.slice(0, 3), orientation.slice(3)]
    : [
        [1, 0, 0],
        [0, 1, 0],
      ];
  const normal = normalOf([...row, ...column]);
  const positions = stack.map(({ geometry }) => geometry.position);
  const isPlaced = position !== null && positions.every((place) => place !== null);
  const unplaced = () => {
    if (stack.length > 1 && isPlaced)
      notes.push(`All ${stack.length} images lie at the same place: a film, in the order of time.`);
    else if (stack.length > 1)
      notes.push(
        "The file does not say where its images lie. They are in the order of their numbers; distances between them are not known.",
      );
    return scaled(normal, thickness ?? 1);
  };
  const isMoving = isPlaced && distanceOf(positions[0]!, positions.at(-1)!) >= SAME_PLACE;
  const step = isMoving && stack.length > 1 ? stepOf(positions as Vector[], normal, notes) : unplaced();
  return {
    toWorld: toRas([scaled(row, betweenColumns), scaled(column, betweenRows), step, position ?? [0, 0, 0]]),
    notes,
  };
}

function stepOf(positions: readonly Vector[], normal: Vector, notes: string[]): Vector {
  const count = positions.length;
  const whole = minus(positions[count - 1], positions[0]);
  const gaps = positions.slice(1).map((place, i) => dot(normal, minus(place, positions[i])));
  const usual = [...gaps].sort((a, b) => a - b)[gaps.length >> 1];
  const steps = gaps.map((gap) => Math.round(gap / usual));
  const isMissing =
    gaps.every((gap, i) => steps[i] >= 1 && Math.abs(gap / usual - steps[i]) < WHOLE_GAP) && steps.some((n) => n > 1);
  const missing = steps.reduce((sum, n) => sum + n - 1, 0);
  const step = scaled(whole, 1 / (isMissing ? count - 1 + missing : count - 1));
  const length = Math.hypot(...step);
  const off = Math.max(...positions.map((place, k) => distanceOf(place, plus(positions[0], scaled(step, k)))));
  if (isMissing) {
    const after = steps.findIndex((n) => n > 1);
    notes.push(
      `${plural(missing, "slice is", "slices are")} missing, the first behind slice ${after + 1} (a gap of ${shown(gaps[after])} mm, else ${shown(usual)} mm). ` +
        "Nothing is put in their place: behind a gap, distances from slice to slice are not right.",
    );
  } else if (off > EVEN * length) {
    const low = Math.min(...gaps);
    const high = Math.max(...gaps);
    const isSideways = high - low <= 2 * EVEN * length;
    notes.push(
      isSideways
        ? `The slices do not lie above each other in a straight line: the matrix is off by up to ${shown(off)} mm.`
        : `The slices are unevenly spaced, ${shown(low)} to ${shown(high)} mm; ${shown(length)} mm is used, which is off by up to ${shown(off)} mm.`,
    );
  }
  const tilt = (Math.acos(Math.min(1, Math.abs(dot(normal, step)) / length)) * 180) / Math.PI;
  if (tilt > TILT)
    notes.push(
      `The gantry was tilted by ${tilt.toFixed(1)} degrees: slices are shifted against each other. Places in the patient are right; a view across the slices looks sheared.`,
    );
  return step;
}

/** Rows of the matrix from its columns, in RAS+. */
function toRas(columns: readonly Vector[]): Affine {
  const row = (r: number, sign: number) =>
    columns.map((column) => sign * column[r] + 0) as [number, number, number, number];
  return [...row(0, -1), ...row(1, -1), ...row(2, 1)];
}

function normalOf([a, b, c, d, e, f]: Vector): Vector {
  return [b * f - c * e, c * d - a * f, a * e - b * d];
}
function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
function minus(a: Vector, b: Vector): Vector {
  return a.map((value, i) => value - b[i]);
}
function plus(a: Vector, b: Vector): Vector {
  return a.map((value, i) => value + b[i]);
}
function scaled(a: Vector, by: number): Vector {
  return a.map((value) => value * by);
}
function distanceOf(a: Vector, b: Vector): number {
  return Math.hypot(...minus(a, b));
}
function shown(mm: number): string {
  return `${Number(mm.toPrecision(3))}`;
}
export function plural(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
