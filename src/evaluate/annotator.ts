/**
 * A simulated annotator at work on one image, by the rules of the peers' harness (`bench/peers/PROTOCOL.md` of the project's shared
 * material), so that what is measured here can be laid beside what is measured there:
 *
 *   1. as the method wants it, a stroke in the largest component of the object or a box around all of it; then, after every answer,
 *   2. the best of the candidates is taken when it is better than what is shown by PICK_GAIN of Dice,
 *   3. else a stroke corrects the largest region of errors;
 *   4. at Dice CONTENT, or after MOST_INTERACTIONS, it stops.
 *
 * A stroke, a box or a candidate taken is one interaction. The annotator knows the truth and never slips: people do worse.
 */
import { type Grid, type Image, largestComponent, type Rng } from "../core/index.ts";
import { boxAround, brushIn, type Prompt, scribbleIn } from "../synth/index.ts";
import { type Answer, emptyAnswer, type Method, type Pen, shownUnasked } from "./method.ts";

/** What is to be segmented in one image. */
export interface Task {
  readonly image: Image;
  /** [H, W], 0 on padding: nothing there counts */
  readonly valid: Uint8Array;
  /** [H, W], 1 inside */
  readonly truth: Uint8Array;
}

export type Action = "box" | "stroke inside" | "stroke outside" | "pick";

export interface Interaction {
  readonly action: Action;
  /** How far the hand moved with the button down, in image sides. */
  readonly ink: number;
  /** Of what is shown after it. */
  readonly dice: number;
}

export const MOST_INTERACTIONS = 20;
/** Dice that the annotator is content with. */
export const CONTENT = 0.95;
/** Dice that a candidate must gain to be taken. */
export const PICK_GAIN = 0.03;

/**
 * @param count  most candidates that are looked at
 * @param watch  is given what is shown after every interaction, [H, W]
 * @returns      at least one interaction, at most MOST_INTERACTIONS
 */
export async function annotate(
  method: Method,
  task: Task,
  rng: Rng,
  count: number,
  watch: (shown: Uint8Array) => void = () => undefined,
): Promise<Interaction[]> {
  const { image, truth, valid } = task;
  const open = await method.open(image, valid);
  const interactions: Interaction[] = [];
  const prompts: Prompt[] = [];
  let current = emptyAnswer(image);
  let candidates: readonly Answer[] = [];
  while (interactions.length < MOST_INTERACTIONS) {
    const taken = bestOf(candidates, current, truth);
    const at = rng.at(prompts.length);
    const draw = () =>
      prompts.length === 0 ? opening(at, task, method) : correction(at, task, current.shown, method.pen);
    const prompt = taken ? null : draw();
    if (!taken && !prompt) break;
    if (prompt) prompts.push(prompt);
    const before = taken ?? current;
    candidates = (await open.candidates(prompts, before, count)).map((answer) => within(answer, valid));
    const unasked = shownUnasked(prompt ? "stroke" : "pick", candidates.length);
    current = unasked === null ? painted(before, prompt) : candidates[unasked];
    watch(current.shown);
    const dice = diceOf(current.shown, truth);
    interactions.push({ action: actionOf(prompt), ink: prompt ? inkOf(prompt, image) : 0, dice });
    if (dice >= CONTENT) break;
  }
  return interactions;
}

/** 2 |a and b| / (|a| + |b|) of masks of 0 and 1; 1 when both are empty. */
export function diceOf(a: Uint8Array, b: Uint8Array): number {
  let [shared, total] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    shared += a[i] & b[i];
    total += a[i] + b[i];
  }
  return total === 0 ? 1 : (2 * shared) / total;
}

/** The candidate worth taking, if one is. */
function bestOf(candidates: readonly Answer[], current: Answer, truth: Uint8Array): Answer | null {
  const dices = candidates.map(({ shown }) => diceOf(shown, truth));
  const best = dices.indexOf(Math.max(...dices));
  return best >= 0 && dices[best] - diceOf(current.shown, truth) >= PICK_GAIN ? candidates[best] : null;
}

function opening(rng: Rng, task: Task, { opening: kind, pen }: Method): Prompt {
  const { image, truth } = task;
  if (kind === "box") return boxAround(rng, truth, image);
  return stroke(rng, largestComponent(truth, image), task, new Uint8Array(truth.length), 1, pen);
}

function stroke(rng: Rng, region: Uint8Array, task: Task, shown: Uint8Array, label: 0 | 1, pen: Pen): Prompt {
  if (pen === "scribble") return scribbleIn(rng, region, task.image, label);
  return brushIn(rng, region, { ...task, shown }, task.image, label);
}

/** A stroke in the largest region of errors; null when all is right. */
function correction(rng: Rng, task: Task, shown: Uint8Array, pen: Pen): Prompt | null {
  const { image, truth, valid } = task;
  const missing = largestComponent(
    truth.map((value, i) => value & (1 - shown[i]) & valid[i]),
    image,
  );
  const extra = largestComponent(
    shown.map((value, i) => value & (1 - truth[i]) & valid[i]),
    image,
  );
  const [missed, added] = [pixelsIn(missing), pixelsIn(extra)];
  if (missed + added === 0) return null;
  return missed >= added ? stroke(rng, missing, task, shown, 1, pen) : stroke(rng, extra, task, shown, 0, pen);
}

function pixelsIn(mask: Uint8Array): number {
  return mask.reduce((sum, value) => sum + value, 0);
}

/** Nothing on the padding is shown. */
function within(answer: Answer, valid: Uint8Array): Answer {
  return { ...answer, shown: answer.shown.map((value, i) => value & valid[i]) };
}

/** What a canvas shows when a stroke has landed and nothing was proposed. */
function painted(answer: Answer, prompt: Prompt | null): Answer {
  if (!prompt || prompt.kind === "box") return answer;
  return { ...answer, shown: answer.shown.map((value, i) => (prompt.pixels[i] ? prompt.label : value)) };
}

function actionOf(prompt: Prompt | null): Action {
  if (!prompt) return "pick";
  if (prompt.kind === "box") return "box";
  return prompt.label ? "stroke inside" : "stroke outside";
}

function inkOf({ points }: Prompt, { height }: Grid): number {
  let length = 0;
  for (let i = 1; i < points.length; i++)
    length += Math.hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
  return length / height;
}
