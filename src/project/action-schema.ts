/**
 * Actions as they come from the disk or the network: `unknown` until checked here, trusted from there on.
 *
 * Whether a delta fits the annotation (its values before) is not seen here but by `perform`.
 */
import { z } from "zod";
import type { Grid } from "../core/index.ts";
import { countRuns, unpacked } from "./action-text.ts";
import { type Action, BY_HAND, type Change, CLOSED, INSIDE, SEGMENTED } from "./annotation.ts";
import { LEAST_SIDE } from "./box.ts";
import { ActionError } from "./errors.ts";
import { LABEL_LIMIT } from "./labels.ts";

const POINT_LIMIT = 100_000;
/** Beyond any image within the pixel limit, in pixels. */
const COORDINATE_LIMIT = 2 ** 27;
const PEN_LIMIT = 2 ** 14;
const NAME_LIMIT = 256;
/** A delta changes each pixel at most once, and the smallest run takes four numbers. */
export const DELTA_LIMIT = 2 ** 24;
const MASK_LABEL_LIMIT = 65_535;

const coordinate = z.number().min(-COORDINATE_LIMIT).max(COORDINATE_LIMIT);
const numbers = z.array(z.int().nonnegative()).max(DELTA_LIMIT);
const rows = z
  .strictObject({ rows: numbers })
  .refine((value) => value.rows.length % 6 === 0 && 4 * countRuns(value) <= DELTA_LIMIT);
const delta = z.union([numbers, rows.transform(unpacked)]);
const at = z.int().nonnegative();
/** Of the label that a change is of; missing for the first. */
const label = z.int().positive().max(LABEL_LIMIT).optional();

const axis = z.union([z.literal(0), z.literal(1), z.literal(2)]);
const index = z.int().nonnegative();
const slice = z.strictObject({ axis, index });
const side = z.int().min(LEAST_SIDE);

const action = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.enum(["scribble", "brush", "erase"]),
    mark: z.enum(["inside", "outside", "undecided"]),
    stroke: z.strictObject({
      points: z
        .array(z.tuple([coordinate, coordinate]))
        .min(1)
        .max(POINT_LIMIT),
      width: z.number().min(1).max(PEN_LIMIT),
    }),
    slice: slice.optional(),
    label,
    delta,
    at,
  }),
  z.strictObject({
    kind: z.literal("box"),
    box: z.strictObject({ x: index, y: index, width: side, height: side }),
    slice: slice.optional(),
    label,
    delta,
    at,
  }),
  z.strictObject({
    kind: z.literal("take"),
    candidate: z.strictObject({
      model: z.string().min(1).max(NAME_LIMIT),
      seed: z.int(),
      place: z.int().positive(),
      offered: z.int().positive(),
      support: z.number().positive().max(1),
      step: z.number().positive().max(1).optional(),
      features: z.boolean().optional(),
      looksAlike: z.literal(true).optional(),
      keeps: z.literal(true).optional(),
      carriedFrom: index.optional(),
    }),
    slice: slice.optional(),
    label,
    delta,
    at,
  }),
  z.strictObject({ kind: z.literal("carry"), slice, from: index, label, delta, at }),
  z.strictObject({ kind: z.literal("fill"), axis, from: index, to: index, label, delta, at }),
  z.strictObject({
    kind: z.literal("import"),
    mask: z.strictObject({
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      label: z.int().positive().max(MASK_LABEL_LIMIT),
    }),
    label,
    delta,
    at,
  }),
  z.strictObject({ kind: z.literal("done"), slice, label, delta: z.array(z.never()), at }),
  z.strictObject({ kind: z.literal("undo"), at }),
  z.strictObject({ kind: z.literal("redo"), at }),
]);

/** A grid, and how many slices lie one under the other in it when it is a volume's. */
export interface ActionGrid extends Grid {
  readonly depth?: number | undefined;
}

/**
 * @param grid  of the image that the action changes
 * @throws {ActionError} naming the field, when `value` is no action that an annotation on `grid` can have
 */
export function parseAction(value: unknown, grid: ActionGrid): Action {
  const parsed = action.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ActionError(`A change cannot be kept: ${issue.path.join(".") || "it"}: ${issue.message}.`, {
      cause: parsed.error,
    });
  }
  const problem =
    "delta" in parsed.data
      ? (placeProblem(parsed.data, grid) ?? boxProblem(parsed.data, grid) ?? deltaProblem(parsed.data, grid))
      : null;
  if (problem) throw new ActionError(`A change cannot be kept: ${problem}.`);
  return parsed.data;
}

/** Why the change cannot be where it says; null when it can. */
function placeProblem(change: Change, { width, height, depth }: ActionGrid): string | null {
  const places = change.kind === "fill" ? [change.from, change.to] : change.slice ? [change.slice.index] : [];
  if (change.kind === "carry") places.push(change.from);
  if (places.length === 0) return null;
  if (depth === undefined) return "it names a slice, and an image has none";
  const across = change.kind === "fill" ? change.axis : change.slice!.axis;
  const count = [width, height / depth, depth][across];
  const beyond = places.find((place) => place >= count);
  return beyond === undefined ? null : `it names slice ${beyond} of ${count}`;
}

/** Why a box cannot be on its image or slice; null when it can. */
function boxProblem(change: Change, { width, height, depth }: ActionGrid): string | null {
  if (change.kind !== "box") return null;
  if (depth !== undefined && !change.slice) return "its box is on no slice";
  const { x, y, ...size } = change.box;
  const sizes = depth === undefined ? [width, height] : [width, height / depth, depth];
  const sides = sizes.filter((_, along) => along !== change.slice?.axis);
  const fits = ([across, down]: readonly number[]) => x + size.width <= across && y + size.height <= down;
  // How a slice lies on the screen follows from the file's matrix, which is not known here.
  if (fits(sides) || (change.slice && fits(sides.toReversed()))) return null;
  return `its box reaches ${x + size.width}, ${y + size.height} of ${sides.join(" x ")}`;
}

/** Why the runs cannot be a change on `grid`; null when they can. */
function deltaProblem({ kind, delta }: Change, { width, height }: Grid): string | null {
  const isByHand = kind === "scribble" || kind === "brush" || kind === "erase" || kind === "box";
  if (delta.length % 4 !== 0) return `its delta has ${delta.length} numbers, which is no multiple of 4`;
  let end = 0;
  for (let i = 0; i < delta.length; i += 4) {
    const [start, length, before, after] = [delta[i], delta[i + 1], delta[i + 2], delta[i + 3]];
    if (length === 0 || start < end) return `run ${i / 4} of its delta starts at ${start}, after a run up to ${end}`;
    end = start + length;
    if (end > width * height) return `its delta reaches pixel ${end} of ${width} x ${height}`;
    if (!isState(before) || !isState(after)) return `its delta turns ${before} into ${after}, which no pixel can hold`;
    // What no hand draws leaves alone what is drawn by hand, and leaves no mark of a hand.
    if (!isByHand && ((before & BY_HAND) !== 0 || (after & BY_HAND) !== 0))
      return `a ${kind} may not turn ${before} into ${after}`;
    // A box closes what nobody has inside or by hand, and opens what a box has closed; nothing else closes or opens.
    const isClosing = after === CLOSED && (before & ~SEGMENTED) === 0;
    const isOpening = before === CLOSED && after === 0;
    if (kind === "box" ? !isClosing && !isOpening : after === CLOSED)
      return `a ${kind} may not turn ${before} into ${after}`;
    // A candidate decides pixels; filling anew may also leave undecided what was filled.
    if ((kind === "take" || kind === "carry") && (after & SEGMENTED) === 0)
      return `a ${kind} may not turn ${before} into ${after}`;
    if (kind === "import" && after !== (SEGMENTED | INSIDE)) return `an import may not turn ${before} into ${after}`;
  }
  return null;
}

/** INSIDE and BY_HAND only together with SEGMENTED, and what a box has closed. */
function isState(value: number): boolean {
  if (value === 0 || value === CLOSED) return true;
  return value <= (SEGMENTED | INSIDE | BY_HAND) && (value & SEGMENTED) !== 0;
}
