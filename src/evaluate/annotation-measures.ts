/**
 * What one annotation was worth, and what it cost: Dice after some interactions, interactions and seconds to TARGET.
 *
 * Seconds are an estimate by the keystroke-level model (Card, Moran and Newell 1983): mental preparation 1.2 s, pointing 1.1 s, pressing
 * and releasing a button 0.1 s each, a key 0.2 s. A stroke is prepared, pointed at, pressed, drawn at 0.6 image sides a second and
 * released; taking a candidate is prepared, the candidates are compared in 0.8 s, and its key is pressed. (Operators and figures are those
 * of the peers' harness, `human_seconds` in its `run.py`.)
 */
import type { Rng } from "../core/index.ts";
import { type Action, type Interaction, MOST_INTERACTIONS } from "./annotator.ts";
import { type Estimate, estimate } from "./bootstrap.ts";

/** Dice that is to be reached. */
export const TARGET = 0.9;

/** Names and meaning of the measures, in the order of the reports. */
export const ANNOTATION_MEASURES = {
  "dice@1": "Dice after 1 interaction",
  "dice@3": "Dice after 3 interactions",
  "dice@5": "Dice after 5 interactions",
  "dice@10": "Dice after 10 interactions",
  auc: `mean Dice over interactions 1 to ${MOST_INTERACTIONS}`,
  noi: `interactions to Dice ${TARGET}; ${MOST_INTERACTIONS} when never`,
  never: `share that never reaches Dice ${TARGET}`,
  seconds: `estimated seconds to Dice ${TARGET}, or until the annotator gave up`,
  ink: "how far the hand moves with the button down until then, in image sides",
} as const;

export type AnnotationMeasure = keyof typeof ANNOTATION_MEASURES;

export type Measured = Readonly<Record<AnnotationMeasure, number>>;

const MEASURES = Object.keys(ANNOTATION_MEASURES) as AnnotationMeasure[];

const PREPARE = 1.2;
const POINT = 1.1;
const PRESS_AND_RELEASE = 0.2;
const KEY = 0.2;
const COMPARE = 0.8;
/** Image sides a second. */
const DRAWING_SPEED = 0.6;

/** @param ink  in image sides */
export function humanSeconds(action: Action, ink: number): number {
  if (action === "pick") return PREPARE + COMPARE + KEY;
  return PREPARE + POINT + PRESS_AND_RELEASE + ink / DRAWING_SPEED;
}

/** Where the annotator stopped early, the last Dice holds. @param interactions  at least one */
export function measureAnnotation(interactions: readonly Interaction[]): Measured {
  const curve = Array.from(
    { length: MOST_INTERACTIONS },
    (_, i) => interactions[Math.min(i, interactions.length - 1)].dice,
  );
  const reached = curve.findIndex((dice) => dice >= TARGET) + 1;
  const noi = reached || MOST_INTERACTIONS;
  const until = interactions.slice(0, noi);
  return {
    "dice@1": curve[0],
    "dice@3": curve[2],
    "dice@5": curve[4],
    "dice@10": curve[9],
    auc: curve.reduce((sum, dice) => sum + dice, 0) / MOST_INTERACTIONS,
    noi,
    never: reached ? 0 : 1,
    seconds: until.reduce((sum, { action, ink }) => sum + humanSeconds(action, ink), 0),
    ink: until.reduce((sum, { ink }) => sum + ink, 0),
  };
}

/** A case's measures, and the image it is on. */
export interface MeasuredCase {
  readonly image: string;
  readonly measured: Measured;
}

/** Means over cases with 95 % intervals from resampling whole images: structures of one image are not independent. */
export function summarise(cases: readonly MeasuredCase[], rng: Rng): Record<AnnotationMeasure, Estimate> {
  const images = new Map<string, Measured[]>();
  for (const { image, measured } of cases) images.set(image, [...(images.get(image) ?? []), measured]);
  const entries = MEASURES.map((name) => {
    const shares = [...images.values()].map((each) => ({
      total: each.reduce((sum, measured) => sum + measured[name], 0),
      count: each.length,
    }));
    return [name, estimate(shares, rng.at(name))] as const;
  });
  return Object.fromEntries(entries) as Record<AnnotationMeasure, Estimate>;
}

/** `a` minus `b`, case by case. @param b  on the same cases in the same order as `a` */
export function differences(a: readonly MeasuredCase[], b: readonly MeasuredCase[]): MeasuredCase[] {
  return a.map(({ image, measured }, i) => {
    const entries = MEASURES.map((name) => [name, measured[name] - b[i].measured[name]] as const);
    return { image, measured: Object.fromEntries(entries) as Record<AnnotationMeasure, number> };
  });
}
