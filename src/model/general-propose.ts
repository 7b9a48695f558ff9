/**
 * Candidates from the general model, most likely first.
 *
 *   window -> comparison maps -> trunk, once -> light decoder for z = 0 and GENERAL_DRAWS latents from the prior, and cuts of their mean at
 *   LEVELS -> the first candidate is z = 0, the others are answers that differ from it and from each other (`choose.ts`), and all that looks
 *   like what is marked (`look-alikes.ts`) -> placed back, with what is drawn by hand kept exactly
 *
 * Coarse, then fine: the first look is at the whole image; when what it finds is small there, a second look is at a window that fits it.
 */
import { boundsOf, type Image, type PartialSegmentation } from "../core/index.ts";
import type { Runtime, Session } from "../engine/index.ts";
import { askWithBox } from "./after-box.ts";
import { bestCut } from "./best-cut.ts";
import { type Candidate, countAdded, type ProbabilityOptions, type ProposeOptions } from "./candidate.ts";
import { type AddedLabels, addedDice, choose, INSIDE, labelOf, NOTHING } from "./choose.ts";
import { type ImageMaps, imageMaps, type Marks } from "./comparison.ts";
import { type GeneralNetworks, loadNetworks, type Question } from "./general-networks.ts";
import { keepTaken, REACH } from "./keep-taken.ts";
import { LOOK_ALIKES, lookAlikes } from "./look-alikes.ts";
import type { Model } from "./model-file.ts";
import { windowFeatures } from "./pretrained.ts";
import { segmenterHint, withHint } from "./segmenter-hint.ts";
import {
  boxOf,
  type CellProbabilities,
  onPixels,
  placeBack,
  placeWindow,
  type Reading,
  readMarks,
  readWindow,
  type Window,
  windowAround,
} from "./window.ts";

/** Latents drawn beside z = 0 for one proposal. */
const GENERAL_DRAWS = 15;

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

/** What a look at the image through a window gave. */
interface Look {
  readonly window: Window;
  readonly maps: ImageMaps;
  /** What is marked by hand. */
  readonly drawn: Marked;
  readonly answers: readonly CellProbabilities[];
  /** The first of them, with how likely a cell is inside, segmented or not. */
  readonly likeliest: CellProbabilities;
  /** [cells, cells], how likely inside, segmented or not: the mean over z = 0 and the draws */
  readonly mean: Float32Array;
}

async function proposeGeneral(
  networks: GeneralNetworks,
  image: Image,
  partial: PartialSegmentation,
  options: ProposeOptions & LookOptions,
): Promise<Candidate[]> {
  const hand = handOf(partial, options);
  const seen = await looks(networks, image, partial, hand, options);
  const place = (answer: CellProbabilities, window: Window): Placed => {
    const box = boxOf(window, image);
    return { box, partial: placeBack(answer, networks.shape.size, window, hand, box) };
  };
  const kept = options.isTaken === false ? null : keptOf(seen.at(-1)!, place, partial, hand);
  const [first, ...others] = differing(kept ? [...seen.slice(0, -1), kept.look] : seen, options.count).map(
    ({ answer, window, ...facts }, i) => {
      const placed = i === 0 && kept ? kept.placed : place(answer, window);
      return { ...placed, ...facts, added: countAdded(placed.partial, partial, placed.box) };
    },
  );
  // The first stays first also when it agrees with what there is: another in its place would be taken for the likeliest.
  return [first, ...others.filter((candidate) => saysMore(candidate, partial))];
}

type Placed = Pick<Candidate, "box" | "partial" | "keeps">;

/**
 * Once something has been taken inside the likeliest is that, corrected (`keep-taken.ts`), and the network's answers come after it; null where
 * there is nothing to correct and nothing to add.
 */
function keptOf(
  look: Look,
  place: (answer: CellProbabilities, window: Window) => Placed,
  partial: PartialSegmentation,
  hand: PartialSegmentation,
): { readonly placed: Placed; readonly look: Look } | null {
  if (!partial.segmentation.some((value, i) => value && !hand.partialness[i])) return null;
  const { window, maps, answers } = look;
  const { box, partial: answer } = place(answers[0], window);
  const reach = Math.max(1, Math.round((REACH * window.size) / maps.width));
  const placed = { box, partial: keepTaken(answer, box, partial, hand, reach), keeps: true as const };
  if (!saysMore(placed, partial)) return null;
  const onBox = { ...window, x: window.x - box.x, y: window.y - box.y };
  const { xm, xs } = readMarks(placed.partial, onBox, maps.width);
  return { placed, look: { ...look, answers: [{ partialness: xm, segmentation: xs }, ...answers] } };
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

interface LookOptions extends Omit<ProposeOptions, "count"> {
  /** What the pretrained segmenter makes of the marks (`segmenter-hint.ts`). */
  readonly hint?: Float32Array | null;
}

/** The first look, and where it is worth it a closer one. */
async function looks(
  networks: GeneralNetworks,
  image: Image,
  partial: PartialSegmentation,
  hand: PartialSegmentation,
  options: LookOptions,
): Promise<Look[]> {
  const lookAt = (window: Window) => look(networks, image, partial, hand, window, options);
  const first = await lookAt(options.window ?? placeWindow(null, image));
  const closer = options.window ? null : closerWindow(first, networks.shape.size, image, partial);
  return closer ? [first, await lookAt(closer)] : [first];
}

async function look(
  networks: GeneralNetworks,
  image: Image,
  partial: PartialSegmentation,
  hand: PartialSegmentation,
  window: Window,
  { rng, step = 1, features, isTaken = true, hint = null }: LookOptions,
): Promise<Look> {
  const { size, latent } = networks.shape;
  const grid = { width: size, height: size };
  const reading = readWindow(image, partial, window, size);
  const drawn = readMarks(hand, window, size);
  const question: Question = {
    maps: imageMaps(reading.image, reading.onImage, grid),
    marks: {
      inside: Uint8Array.from(drawn.xs),
      outside: Uint8Array.from(drawn.xm, (value, i) => value - drawn.xs[i]),
      segmented: Uint8Array.from(reading.xm),
      segmentedInside: Uint8Array.from(reading.xs),
    },
    step,
    features: features ? windowFeatures(features.projected, image, window, size / 2) : null,
  };
  const latents = rng.at("latents").normals(GENERAL_DRAWS * latent);
  const ask = (marks: Marks) => networks.answer({ ...question, marks }, latents);
  const withBox = await askWithBox(ask, question.marks, reading.onImage, grid);
  const answers = hint ? withHint(withBox.answers, hint, image, window) : withBox.answers;
  const mean = meanOf(answers);
  const usual = () =>
    partial.segmentation.includes(1) ? levelOf(answers[0], reading, drawn, isTaken) : firstLevel(answers[0], reading);
  const level = withBox.level ?? usual();
  const cut = answers.map((each) => cutAt(each, level));
  return {
    window,
    maps: question.maps,
    drawn,
    answers: [...cut, ...nested(answers[0].partialness, mean)].map(whereSegmented),
    likeliest: cut[0],
    mean,
  };
}

const EVEN = 0.5;
/**
 * Beside the draws, candidates are what is inside at least this likely over all latents: nested, from the largest to the smallest. Where the
 * network is wrong about how sure it is, one of them is right.
 */
const LEVELS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.75, 0.9];

/** What a candidate's support is a share of: z = 0, draws, cuts and look-alikes. */
const ANSWERS = 1 + GENERAL_DRAWS + LEVELS.length + LOOK_ALIKES;

function nested(partialness: ArrayLike<number>, mean: Float32Array): CellProbabilities[] {
  return LEVELS.map((level) => cutAt({ partialness, segmentation: mean }, level));
}

function meanOf(answers: readonly CellProbabilities[]): Float32Array {
  const mean = new Float32Array(answers[0].segmentation.length);
  for (const { segmentation } of answers)
    for (let i = 0; i < mean.length; i++) mean[i] += segmentation[i] / answers.length;
  return mean;
}

/** The same with the odds of inside divided by those of the level: what is cut at one half later is cut at the level. */
function cutAt({ partialness, segmentation }: CellProbabilities, level: number): CellProbabilities {
  const cut = new Float32Array(segmentation.length);
  for (let i = 0; i < cut.length; i++) {
    const [inside, outside] = [segmentation[i] * (1 - level), (1 - segmentation[i]) * level];
    cut[i] = inside / (inside + outside);
  }
  return { partialness, segmentation: cut };
}

type Marked = Pick<Reading, "xm" | "xs">;

/**
 * The level at which the likeliest answer agrees best (Dice) with what the annotator has taken: who has taken the larger of two candidates
 * goes on with larger ones. One half where nothing has been taken.
 */
function levelOf({ segmentation }: CellProbabilities, { xm, xs }: Marked, drawn: Marked, isTaken: boolean): number {
  const taken = (i: number) => xm[i] >= EVEN && xs[i] >= EVEN;
  if (!isTaken || !xs.some((_, i) => taken(i) && drawn.xm[i] < EVEN)) return EVEN;
  const agreement = (level: number) => {
    let [shared, total] = [0, 0];
    for (let i = 0; i < xm.length; i++) {
      if (xm[i] < EVEN) continue;
      const [said, was] = [Number(segmentation[i] >= level), Number(taken(i))];
      shared += said & was;
      total += said + was;
    }
    return shared / total;
  };
  const levels = [EVEN, ...LEVELS];
  const agreements = levels.map(agreement);
  return levels[agreements.indexOf(Math.max(...agreements))];
}

/**
 * After a box alone what is missing counts half as much as what is too much: the answer is nearly as good, and a stroke inside, which corrects
 * what is missing, tells more than one outside.
 */
const MISSING_AT_FIRST = 0.5;

/** Where nothing is known inside. */
function firstLevel({ segmentation }: CellProbabilities, { xm, onImage }: Pick<Reading, "xm" | "onImage">): number {
  const open = onImage.map((value, i) => Number(value === 1 && xm[i] < EVEN));
  return bestCut(segmentation, open, MISSING_AT_FIRST).level;
}

/** The network says how likely a pixel is inside, segmented or not; a candidate is inside only where it is segmented: s = p_s m. */
function whereSegmented({ partialness, segmentation }: CellProbabilities): CellProbabilities {
  // Filled by a loop, as below: `from` with a callback took 20 of a proposal's 100 ms.
  const within = new Float32Array(segmentation.length);
  for (let i = 0; i < within.length; i++) within[i] = segmentation[i] * partialness[i];
  return { partialness, segmentation: within };
}

/** A closer window shows what was found with this much room, */
const ROOM = 1.6;
/** is not smaller than this many image pixels, because a network that sees pixels as blocks has not been trained for them, */
const LEAST_SIZE = 96;
/** and is worth a second look when it is at most this share of the first. */
const WORTH = 0.7;

/** Around what is inside in the first answer and what has been segmented inside before; null when the first look was close enough. */
function closerWindow(
  { window, answers }: Look,
  size: number,
  image: Image,
  partial: PartialSegmentation,
): Window | null {
  const found = boundsOf(
    Uint8Array.from({ length: size * size }, (_, i) => Number(labelOf(answers[0], i) === INSIDE)),
    { width: size, height: size },
  );
  const marked = boundsOf(partial.segmentation, partial) ?? boundsOf(partial.partialness, partial);
  const scale = window.size / size;
  const boxes = [
    ...(marked ? [marked] : []),
    ...(found
      ? [
          {
            x: window.x + found.x * scale,
            y: window.y + found.y * scale,
            width: found.width * scale,
            height: found.height * scale,
          },
        ]
      : []),
  ];
  if (boxes.length === 0) return null;
  const left = Math.min(...boxes.map(({ x }) => x));
  const top = Math.min(...boxes.map(({ y }) => y));
  const right = Math.max(...boxes.map(({ x, width }) => x + width));
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height));
  const longer = Math.max(right - left, bottom - top);
  const side = Math.max(LEAST_SIZE, ROOM * longer);
  if (side > WORTH * window.size) return null;
  return windowAround({ x: (left + right) / 2, y: (top + bottom) / 2 }, side, image);
}

/** One that is offered; see `Candidate`. */
interface Chosen extends Pick<Candidate, "support" | "looksAlike"> {
  readonly answer: CellProbabilities;
  readonly window: Window;
}

/**
 * The closest look's first answer, then others that differ from it and from each other, those that stand for more answers first. Last come
 * look-alikes, to which at most a third of the other places goes: of the first look, because a closer one sees no siblings.
 */
function differing(looks: readonly Look[], count: number): Chosen[] {
  const [whole, seen] = [looks[0], looks.at(-1)!];
  const labelsIn =
    ({ drawn, maps }: Look) =>
    (answer: CellProbabilities) =>
      insideLabels(answer, drawn.xm, maps.onImage);
  const [first, ...others] = seen.answers.map(labelsIn(seen));
  const far = [...others.keys()].filter((k) => addedDice(first, others[k]) < SAME_DICE);
  const most = Math.floor((count - 1) / 3);
  const alike = most > 0 ? lookAlikes(whole.maps, whole.drawn, whole.likeliest).slice(0, most).map(whereSegmented) : [];
  const places = count - 1 - alike.length;
  const different = far.map((k) => others[k]);
  const chosen = places > 0 ? choose(different, places).toSorted((a, b) => b.count - a.count) : [];
  const offered = [first, ...chosen.map(({ draw }) => different[draw])];
  // Cells of another window cannot be compared one by one.
  const known = whole === seen ? offered : [labelsIn(whole)(whole.answers[0])];
  const isNew = (labels: AddedLabels) => known.every((other) => addedDice(labels, other) < SAME_DICE);
  const answer = (k: number, stands: number) => ({
    answer: seen.answers[k],
    window: seen.window,
    support: stands / ANSWERS,
  });
  return [
    answer(0, seen.answers.length - far.length),
    ...chosen.map(({ draw, count: stands }) => answer(far[draw] + 1, stands)),
    ...alike
      .filter((each) => isNew(labelsIn(whole)(each)))
      .map((each) => ({ answer: each, window: whole.window, support: 1 / ANSWERS, looksAlike: true as const })),
  ];
}

/** Candidates are told apart on so many cells across and down: two dozen are compared, each with each. */
const TOLD_APART = 64;

/** Candidates are told apart by what is inside: outside is nearly everything else. */
function insideLabels(answer: CellProbabilities, byHand: Float32Array, onImage: Uint8Array): AddedLabels {
  const size = Math.sqrt(byHand.length);
  const every = Math.max(1, Math.floor(size / TOLD_APART));
  const across = Math.ceil(size / every);
  const labels = new Uint8Array(across * across).fill(NOTHING);
  for (let k = 0; k < labels.length; k++) {
    const i = Math.floor(k / across) * every * size + (k % across) * every;
    if (!byHand[i] && onImage[i] && labelOf(answer, i) === INSIDE) labels[k] = INSIDE;
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
