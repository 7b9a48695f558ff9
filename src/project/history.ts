/**
 * The annotations of an image's labels, and where we are in the history of their changes.
 *
 * What a change puts inside its label leaves every other (the latest wins): there it is undecided again. Which pixels those were follows from
 * the state and stands in no journal; undo gives them back, whichever label they are of. So undo costs what the change cost, survives a
 * reload with the journal, and replaying the actions gives the masks bit for bit.
 */
import { type Grid, InternalError } from "../core/index.ts";
import {
  type Action,
  type Annotation,
  appendPixel,
  BY_HAND,
  type Change,
  type Delta,
  ELSEWHERE,
  ELSEWHERE_BY_HAND,
  FIRST,
  INSIDE,
  labelOf,
  OWN,
} from "./annotation.ts";
import { ActionError } from "./errors.ts";

/** Bytes that the annotations of one image may take together; each takes one a pixel. */
const MEMORY_LIMIT = 2000 * 2 ** 20;

/** Mutable, owned by one session. */
export interface History {
  /** Of the first label. */
  readonly annotation: Annotation;
  /** Of the first label and those that were worked on, by what their changes name; see `annotationOf`. */
  readonly annotations: Map<number, Annotation>;
  /** Changes in effect, oldest first. */
  readonly done: Change[];
  /** What each of those took from other labels. */
  readonly taken: (readonly LabelDelta[])[];
  /** Changes undone, the next to redo last. */
  readonly undone: Change[];
}

export interface LabelDelta {
  readonly label: number;
  readonly delta: Delta;
}

/** A delta that was applied: 1 forwards, -1 backwards. */
export interface Applied extends LabelDelta {
  readonly direction: 1 | -1;
}

export function emptyHistory({ width, height }: Grid): History {
  const annotation = { width, height, data: new Uint8Array(width * height) };
  return { annotation, annotations: new Map([[FIRST, annotation]]), done: [], taken: [], undone: [] };
}

/**
 * A label's annotation, made when it is asked for the first time.
 *
 * @throws {ActionError} when there is no memory for one more
 */
export function annotationOf({ annotations, annotation }: History, label: number): Annotation {
  const known = annotations.get(label);
  if (known) return known;
  const { width, height } = annotation;
  if ((annotations.size + 1) * width * height > MEMORY_LIMIT)
    throw new ActionError(
      `${annotations.size} labels are in use on this image, and with one more they would take more than the ${MEMORY_LIMIT / 2 ** 20} MiB that it may have. Work on a part of the image.`,
    );
  const made = { width, height, data: new Uint8Array(width * height) };
  for (const { data } of annotations.values())
    for (let i = 0; i < data.length; i++) if (data[i] & INSIDE) made.data[i] = elsewhere(data[i]);
  annotations.set(label, made);
  return made;
}

/**
 * Carries out one action. An undo or redo with nothing to do changes nothing.
 *
 * @returns what it did to which label
 * @throws {InternalError} when the delta does not fit the annotation (a journal of another image)
 * @throws {ActionError} when there is no memory for one more label
 */
export function perform(history: History, action: Action): readonly Applied[] {
  const { done, taken, undone } = history;
  if (action.kind === "undo") {
    const change = done.pop();
    if (!change) return [];
    const deltas = [{ label: labelOf(change), delta: change.delta }, ...taken.pop()!];
    undone.push(change);
    return deltas.map((each) => apply(history, each, -1));
  }
  const change = action.kind === "redo" ? undone.pop() : action;
  if (!change) return [];
  const own = { label: labelOf(change), delta: change.delta };
  requireFit(annotationOf(history, own.label), change);
  const others = takenFromOthers(history, own);
  done.push(change);
  taken.push(others);
  if (action.kind !== "redo") undone.length = 0;
  return [...others, own].map((each) => apply(history, each, 1));
}

/** [H, W]: the value of the label that a pixel is inside of, or 0. @param first  value of the first label */
export function valuesOf({ annotations, annotation }: History, first: number): Uint8Array {
  const values = new Uint8Array(annotation.data.length);
  for (const [label, { data }] of annotations) {
    const value = label === FIRST ? first : label;
    for (let i = 0; i < data.length; i++) if (data[i] & INSIDE) values[i] = value;
  }
  return values;
}

/** Checked as a whole before the first pixel changes, so that a refused delta leaves every annotation as it was. */
function requireFit({ data }: Annotation, { kind, delta }: Change): void {
  const isByHand = kind === "scribble" || kind === "brush" || kind === "erase";
  for (let run = 0; run < delta.length; run += 4) {
    const before = delta[run + 2];
    const isTaking = !isByHand && (delta[run + 3] & INSIDE) !== 0;
    for (let p = delta[run]; p < delta[run] + delta[run + 1]; p++) {
      if ((data[p] & OWN) !== before)
        throw new InternalError(`A change expects ${before} at pixel ${p}, which holds ${data[p] & OWN}.`);
      if (isTaking && data[p] & ELSEWHERE_BY_HAND)
        throw new InternalError(`A ${kind} takes pixel ${p}, which another label has by hand.`);
    }
  }
}

function takenFromOthers({ annotations }: History, { label, delta }: LabelDelta): LabelDelta[] {
  const taken: LabelDelta[] = [];
  for (const [other, { data }] of annotations) {
    if (other === label) continue;
    const lost: number[] = [];
    for (let run = 0; run < delta.length; run += 4) {
      if ((delta[run + 3] & INSIDE) === 0) continue;
      for (let p = delta[run]; p < delta[run] + delta[run + 1]; p++)
        if (data[p] & INSIDE) appendPixel(lost, p, data[p] & OWN, 0);
    }
    if (lost.length > 0) taken.push({ label: other, delta: lost });
  }
  return taken;
}

function apply({ annotations }: History, { label, delta }: LabelDelta, direction: 1 | -1): Applied {
  const { data } = annotations.get(label)!;
  const others = [...annotations].flatMap(([other, { data }]) => (other === label ? [] : [data]));
  for (let run = 0; run < delta.length; run += 4) {
    const start = delta[run];
    const end = start + delta[run + 1];
    const to = direction === 1 ? delta[run + 3] : delta[run + 2];
    for (let p = start; p < end; p++) data[p] = (data[p] & ~OWN) | to;
    if (others.length === 0 || ((delta[run + 2] | delta[run + 3]) & INSIDE) === 0) continue;
    const seen = to & INSIDE ? elsewhere(to) : 0;
    for (const other of others) for (let p = start; p < end; p++) other[p] = (other[p] & OWN) | seen;
  }
  return { label, delta, direction };
}

/** What other labels know of a pixel that is inside one. */
function elsewhere(value: number): number {
  return ELSEWHERE | (value & BY_HAND ? ELSEWHERE_BY_HAND : 0);
}
