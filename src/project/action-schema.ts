/**
 * Actions as they come from the disk or the network: `unknown` until checked here, trusted from there on.
 *
 * Whether a delta fits the annotation (its values before) is not seen here but by `perform`.
 */
import { z } from "zod";
import type { Grid } from "../core/index.ts";
import { type Action, BY_HAND, type Delta, INSIDE, SEGMENTED } from "./annotation.ts";
import { ActionError } from "./errors.ts";

const POINT_LIMIT = 100_000;
/** Beyond any image within the pixel limit, in pixels. */
const COORDINATE_LIMIT = 2 ** 27;
const PEN_LIMIT = 2 ** 14;
const NAME_LIMIT = 256;
/** A delta changes each pixel at most once, and the smallest run takes four numbers. */
const DELTA_LIMIT = 2 ** 24;

const coordinate = z.number().min(-COORDINATE_LIMIT).max(COORDINATE_LIMIT);
const delta = z.array(z.int().nonnegative()).max(DELTA_LIMIT);
const at = z.int().nonnegative();

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
    }),
    delta,
    at,
  }),
  z.strictObject({ kind: z.literal("undo"), at }),
  z.strictObject({ kind: z.literal("redo"), at }),
]);

/**
 * @param grid  of the image that the action changes
 * @throws {ActionError} naming the field, when `value` is no action that an annotation on `grid` can have
 */
export function parseAction(value: unknown, grid: Grid): Action {
  const parsed = action.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ActionError(`A change cannot be kept: ${issue.path.join(".") || "it"}: ${issue.message}.`, {
      cause: parsed.error,
    });
  }
  const problem = "delta" in parsed.data ? deltaProblem(parsed.data.delta, grid, parsed.data.kind === "take") : null;
  if (problem) throw new ActionError(`A change cannot be kept: ${problem}.`);
  return parsed.data;
}

/** Why the runs cannot be a change on `grid`; null when they can. */
function deltaProblem(delta: Delta, { width, height }: Grid, isTake: boolean): string | null {
  if (delta.length % 4 !== 0) return `its delta has ${delta.length} numbers, which is no multiple of 4`;
  let end = 0;
  for (let i = 0; i < delta.length; i += 4) {
    const [start, length, before, after] = [delta[i], delta[i + 1], delta[i + 2], delta[i + 3]];
    if (length === 0 || start < end) return `run ${i / 4} of its delta starts at ${start}, after a run up to ${end}`;
    end = start + length;
    if (end > width * height) return `its delta reaches pixel ${end} of ${width} x ${height}`;
    if (!isState(before) || !isState(after)) return `its delta turns ${before} into ${after}, which no pixel can hold`;
    // A candidate decides pixels, leaves alone what is drawn by hand, and leaves no mark of a hand.
    if (isTake && ((before & BY_HAND) !== 0 || (after & SEGMENTED) === 0 || (after & BY_HAND) !== 0))
      return `a candidate may not turn ${before} into ${after}`;
  }
  return null;
}

/** INSIDE and BY_HAND only together with SEGMENTED. */
function isState(value: number): boolean {
  return value === 0 || (value <= (SEGMENTED | INSIDE | BY_HAND) && (value & SEGMENTED) !== 0);
}
