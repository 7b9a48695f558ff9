/**
 * Candidates from the general model, most likely first.
 *
 *   looks at the image (`look.ts`) -> the first candidate is z = 0; then, once something has been taken, that, corrected (`keep-taken.ts`);
 *   answers that differ from these and from each other (`choose.ts`); and all that looks like what is marked (`look-alikes.ts`)
 *   -> placed back, with what is drawn by hand kept exactly
 */
import type { Image, PartialSegmentation } from "../core/index.ts";
import type { Runtime, Session } from "../engine/index.ts";
import { type Candidate, countAdded, type ProbabilityOptions, type ProposeOptions } from "./candidate.ts";
import { type AddedLabels, addedDice, choose, INSIDE, NOTHING } from "./choose.ts";
import { type GeneralNetworks, loadNetworks } from "./general-networks.ts";
import { keepTaken, REACH } from "./keep-taken.ts";
import {
  type Answer,
  cutAt,
  GENERAL_DRAWS,
  isTakenInside,
  LOOK_ANSWERS,
  type Look,
  type LookOptions,
  looks,
  whereSegmented,
} from "./look.ts";
import { LOOK_ALIKES, lookAlikes } from "./look-alikes.ts";
import type { Model } from "./model-file.ts";
import { segmenterHint } from "./segmenter-hint.ts";
import { boxOf, onPixels, placeBack, readMarks, type Window } from "./window.ts";

/** What a candidate's support is a share of. */
const ANSWERS = LOOK_ANSWERS + LOOK_ALIKES;

/** Where an answer is cut that is no draw of the network's. */
const EVEN = 0.5;

/** Answers that agree this well with the first candidate offer nothing that is not in it. */
const SAME_DICE = 0.9;

/** @param readDecoder  the pretrained segmenter's decoder as an ONNX file; asked for when features first come with a question */
export async function generalProposer(model: Model, runtime: Runtime, readDecoder: ReadDecoder | null) {
  const networks = await loadNetworks(model, runtime, GENERAL_DRAWS);
  let decoder: Session | null = null;
  // Where it cannot be read there is no hint, and whoever asks next tries again: the network's answer alone is better than none.
  const loadDecoder = async () => {
    const file = decoder || !readDecoder ? null : await readDecoder().catch(() => null);
    if (file) decoder = await runtime.load(file);
    return decoder;
  };
  const hintOf = async (partial: PartialSegmentation, options: ProbabilityOptions) => {
    const loaded = options.features ? await loadDecoder() : null;
    return loaded && segmenterHint(loaded, options.features!, partial, handOf(partial, options));
  };
  return {
    propose: async (image: Image, partial: PartialSegmentation, options: ProposeOptions) =>
      proposeGeneral(networks, image, partial, { ...options, hint: await hintOf(partial, options) }),
    probabilities: async (image: Image, partial: PartialSegmentation, options: ProbabilityOptions) =>
      probabilitiesOf(networks, image, partial, { ...options, hint: await hintOf(partial, options) }),
    answers: ANSWERS,
    async prepareForFeatures() {
      await loadDecoder();
    },
    async close() {
      await networks.close();
      await decoder?.close();
    },
  };
}

/** @returns an ONNX file */
export type ReadDecoder = () => Promise<Uint8Array>;

async function proposeGeneral(
  networks: GeneralNetworks,
  image: Image,
  partial: PartialSegmentation,
  options: ProposeOptions & LookOptions,
): Promise<Candidate[]> {
  const hand = handOf(partial, options);
  const seen = await looks(networks, image, partial, hand, options);
  const place = (answer: Answer, window: Window): Placed => {
    const box = boxOf(window, image);
    return { box, partial: placeBack(whereSegmented(cutAt(answer)), networks.shape.size, window, hand, box) };
  };
  const isOffered = options.isTaken !== false && options.count > 1;
  const kept = isOffered ? keptOf(seen.at(-1)!, place, partial, hand) : null;
  const [first, ...others] = differing(seen, kept?.answer ?? null, options.count).map(
    ({ answer, window, ...facts }) => {
      const placed = facts.keeps ? kept!.placed : place(answer, window);
      return { ...placed, ...facts, added: countAdded(placed.partial, partial, placed.box) };
    },
  );
  // The first stays first also when it agrees with what there is: another in its place would be taken for the likeliest.
  return [first, ...others.filter((candidate) => saysMore(candidate, partial))];
}

type Placed = Pick<Candidate, "box" | "partial">;

/**
 * What has been taken inside, corrected (`keep-taken.ts`): on the image, and as an answer on the look's cells. Null where nothing has been taken, or
 * nothing is to correct and nothing to add.
 */
function keptOf(
  { window, maps, answers }: Look,
  place: (answer: Answer, window: Window) => Placed,
  partial: PartialSegmentation,
  hand: PartialSegmentation,
): { readonly placed: Placed; readonly answer: Answer } | null {
  if (!partial.segmentation.some((value, i) => value && !hand.partialness[i])) return null;
  const { box, partial: answer } = place(answers[0], window);
  const reach = Math.max(1, Math.round((REACH * window.size) / maps.width));
  const placed = { box, partial: keepTaken(answer, box, partial, hand, reach) };
  if (!saysMore(placed, partial)) return null;
  const onBox = { ...window, x: window.x - box.x, y: window.y - box.y };
  const { xm, xs } = readMarks(placed.partial, onBox, maps.width);
  return { placed, answer: { partialness: xm, segmentation: xs, level: EVEN } };
}

/** What a closer look does not reach is as the first look saw it. */
async function probabilitiesOf(
  networks: GeneralNetworks,
  image: Image,
  partial: PartialSegmentation,
  options: LookOptions,
): Promise<Float32Array> {
  const out = new Float32Array(image.width * image.height);
  for (const { window, mean } of await looks(networks, image, partial, handOf(partial, options), options)) {
    const box = boxOf(window, image);
    const seen = onPixels(mean, networks.shape.size, window, box);
    for (let y = 0; y < box.height; y++)
      out.set(seen.subarray(y * box.width, (y + 1) * box.width), (box.y + y) * image.width + box.x);
  }
  return out;
}

/** What of the partial segmentation is by hand. */
function handOf(
  partial: PartialSegmentation,
  { byHand = partial.partialness }: ProbabilityOptions,
): PartialSegmentation {
  return {
    ...partial,
    partialness: byHand,
    segmentation: partial.segmentation.map((value, i) => value & byHand[i]),
  };
}

/** One that is offered; see `Candidate`. */
interface Chosen extends Pick<Candidate, "support" | "looksAlike" | "keeps"> {
  readonly answer: Answer;
  readonly window: Window;
}

/**
 * The closest look's first answer; what was taken, corrected; then others that differ from these and from each other, those that stand for more
 * answers first. Last come look-alikes, to which at most a third of the other places goes: of the first look, because a closer one sees no
 * siblings.
 */
function differing(looks: readonly Look[], kept: Answer | null, count: number): Chosen[] {
  const [whole, seen] = [looks[0], looks.at(-1)!];
  const labelsIn =
    ({ drawn, maps }: Look) =>
    (answer: Answer) =>
      insideLabels(answer, drawn.xm, maps.onImage);
  const isNew = (labels: AddedLabels, known: readonly AddedLabels[]) =>
    known.every((other) => addedDice(labels, other) < SAME_DICE);
  const [first, ...others] = seen.answers.map(labelsIn(seen));
  const keeping = kept ? [labelsIn(seen)(kept)].filter((labels) => isNew(labels, [first])) : [];
  const far = [...others.keys()].filter((k) => isNew(others[k], [first]));
  const different = far.filter((k) => isNew(others[k], keeping));
  const most = Math.floor((count - 1) / 3);
  const found = most > 0 ? lookAlikes(whole.maps, whole.drawn, cutAt(whole.answers[0])).slice(0, most) : [];
  const alike = found.map((each) => ({ ...each, level: EVEN }));
  const places = count - 1 - keeping.length - alike.length;
  const labels = different.map((k) => others[k]);
  const chosen = places > 0 ? choose(labels, places).toSorted((a, b) => b.count - a.count) : [];
  const offered = [first, ...keeping, ...chosen.map(({ draw }) => labels[draw])];
  // Cells of another window cannot be compared one by one.
  const known = whole === seen ? offered : [labelsIn(whole)(whole.answers[0])];
  const news = alike.filter((each) => {
    const ofEach = labelsIn(whole)(each);
    const isOther = isNew(ofEach, known);
    if (isOther) known.push(ofEach);
    return isOther;
  });
  const { window } = seen;
  const one = { support: 1 / ANSWERS };
  return [
    { answer: seen.answers[0], window, support: (seen.answers.length - far.length) / ANSWERS },
    ...keeping.map(() => ({ answer: kept!, window, ...one, keeps: true as const })),
    ...chosen.map(({ draw, count: stands }) => ({
      answer: seen.answers[different[draw] + 1],
      window,
      support: stands / ANSWERS,
    })),
    ...news.map((answer) => ({ answer, window: whole.window, ...one, looksAlike: true as const })),
  ];
}

/** Candidates are told apart on so many cells across and down: two dozen are compared, each with each. */
const TOLD_APART = 64;

/** Candidates are told apart by what is inside: outside is nearly everything else. */
function insideLabels(answer: Answer, byHand: Float32Array, onImage: Uint8Array): AddedLabels {
  const size = Math.sqrt(byHand.length);
  const every = Math.max(1, Math.floor(size / TOLD_APART));
  const across = Math.ceil(size / every);
  const labels = new Uint8Array(across * across).fill(NOTHING);
  for (let k = 0; k < labels.length; k++) {
    const i = Math.floor(k / across) * every * size + (k % across) * every;
    if (!byHand[i] && onImage[i] && isTakenInside(answer, i)) labels[k] = INSIDE;
  }
  return labels;
}

/** Whether a pixel of it was open, or labelled otherwise. */
function saysMore({ box, partial: candidate }: Placed, partial: PartialSegmentation): boolean {
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const i = y * box.width + x;
      const p = (box.y + y) * partial.width + box.x + x;
      if (!candidate.partialness[i]) continue;
      if (!partial.partialness[p] || candidate.segmentation[i] !== partial.segmentation[p]) return true;
    }
  }
  return false;
}
