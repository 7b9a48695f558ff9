/**
 * Candidates for one image and partial segmentation: the centre of the product. This file says what any model offers, and how the
 * paper's model makes it; the general model's way is in `general-propose.ts`.
 *
 *   the window around what has been segmented -> the network's input -> draws for latents z ~ N(0, I), without specks ->
 *   candidates that differ (`choose.ts`) -> placed back on the image's own pixels, with the input kept exactly
 */
import {
  type Box,
  boundsOf,
  type Image,
  type PartialSegmentation,
  type Rng,
  requireSameGrid,
  ShapeError,
  UsageError,
} from "../core/index.ts";
import type { Runtime, Session } from "../engine/index.ts";
import { type AddedLabels, choose, labelOf, NOTHING } from "./choose.ts";
import { drawFromPrior } from "./draw.ts";
import { generalProposer } from "./general-propose.ts";
import type { Model } from "./model-file.ts";
import { PAPER_SIZE, paperDecoderOnnx } from "./paper.ts";
import { encodeImage, PROJECTION } from "./pretrained.ts";
import { withoutSpecks } from "./specks.ts";
import {
  boxOf,
  type CellProbabilities,
  placeBack,
  placeWindow,
  type Reading,
  readWindow,
  type Window,
} from "./window.ts";

/** One larger partial segmentation, given inside its box; it says nothing about pixels outside the box. */
export interface Candidate {
  readonly box: Box;
  /**
   * On the grid of `box`: keeps what is drawn by hand there (the paper's model: all of the input), and is inside only where
   * segmented.
   */
  readonly partial: PartialSegmentation;
  /** Share of all draws that gave (nearly) this candidate, (0, 1]. */
  readonly support: number;
  /** Image pixels it adds to the input, inside and outside. */
  readonly added: { readonly inside: number; readonly outside: number };
}

export interface ProposeOptions {
  /** Most candidates wanted, 1 to 64. */
  readonly count: number;
  /** The same generator gives the same candidates; it does not advance. */
  readonly rng: Rng;
  /** Where to look (default: placed from the partial segmentation). */
  readonly window?: Window;
  /**
   * How much of what is left to add, from a little, near 0, to 1 for all of it (the default). For the general model; the paper's
   * takes a step of its own.
   */
  readonly step?: number;
  /**
   * [H, W] of the image, 1 where the partial segmentation was drawn by hand and must stay (default: all of it). The general model may
   * revise the rest; the paper's keeps all.
   */
  readonly byHand?: Uint8Array;
  /** The image's features (`Proposer.encode`); without them the general model is less sure. */
  readonly features?: ImageFeatures;
}

/** Features of a whole image: [F, 64, 64], its longer side along all cells. */
export type ImageFeatures = Float32Array;

export interface Proposer {
  /** Name of the model and the first digits of its weights' SHA-256, for the journal: "paper-3f9a01c2". */
  readonly name: string;
  /** Whether `propose` can use an image's features. */
  readonly usesFeatures: boolean;
  /** How many draws a candidate's support is a share of. */
  readonly draws: number;
  /** Features of an image, which takes a second or more. @param encoder  the pretrained encoder's ONNX file */
  encode(image: Image, encoder: Uint8Array): Promise<ImageFeatures>;
  /**
   * @param image    any size
   * @param partial  on the image's grid
   * @returns        at most `count` candidates that differ; none when no larger region was found. The paper's model orders them by the
   *                 inside pixels they add, few to many, the general one by likelihood, the likeliest first
   * @throws {ShapeError} when the grids differ or the window does not touch the image
   */
  propose(image: Image, partial: PartialSegmentation, options: ProposeOptions): Promise<Candidate[]>;
  close(): Promise<void>;
}

const MOST_CANDIDATES = 64;
/** Latents drawn for one proposal, decoded in one run. */
const DRAWS = 32;

/**
 * Loads the model's networks; `close` releases them. Calls may overlap: they run one after another.
 *
 * @throws {EngineError} when the runtime refuses a network
 */
export async function createProposer(model: Model, runtime: Runtime): Promise<Proposer> {
  const { propose, draws, close } =
    model.card.kind === "paper" ? await paperProposer(model, runtime) : await generalProposer(model, runtime);
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined); // the caller of `mine` is told; the next in turn goes on
    return mine;
  };
  return {
    name: `${model.card.name}-${model.card.weightsSha256.slice(0, 8)}`,
    usesFeatures: model.weights.has(PROJECTION.matrix),
    draws,
    encode: (image, encoder) =>
      inTurn(async () => {
        const session = await runtime.load(encoder);
        try {
          return await encodeImage(image, session, model.weights);
        } finally {
          await session.close();
        }
      }),
    propose: (image, partial, options) =>
      inTurn(async () => {
        requireSense(image, partial, options);
        return propose(image, partial, options);
      }),
    close: () => turn.then(close),
  };
}

/** @throws {UsageError | ShapeError} when what is asked makes none */
function requireSense(image: Image, partial: PartialSegmentation, options: ProposeOptions): void {
  const { count, step = 1, window, byHand } = options;
  requireSameGrid("The partial segmentation", partial, image);
  if (!Number.isInteger(count) || count < 1 || count > MOST_CANDIDATES)
    throw new UsageError(`${count} candidates cannot be proposed; ask for 1 to ${MOST_CANDIDATES}.`);
  if (!(step > 0 && step <= 1)) throw new UsageError(`A step of ${step} makes no sense; it is above 0 and at most 1.`);
  if (byHand && byHand.length !== partial.partialness.length)
    throw new ShapeError(`byHand has ${byHand.length} values, but the image has ${partial.partialness.length} pixels.`);
  if (!window) return;
  const box = boxOf(window, image);
  if (!(box.width > 0 && box.height > 0))
    throw new ShapeError(`The window at ${window.x}, ${window.y} of size ${window.size} holds no pixel of the image.`);
}

async function paperProposer(model: Model, runtime: Runtime) {
  const session = await runtime.load(paperDecoderOnnx(model.weights, DRAWS));
  return {
    propose: (image: Image, partial: PartialSegmentation, options: ProposeOptions) =>
      propose(session, image, partial, options),
    draws: DRAWS,
    close: () => session.close(),
  };
}

async function propose(
  session: Session,
  image: Image,
  partial: PartialSegmentation,
  { count, rng, window = placeWindow(boundsOf(partial.partialness, partial), image) }: ProposeOptions,
): Promise<Candidate[]> {
  const box = boxOf(window, image);
  const reading = readWindow(image, partial, window, PAPER_SIZE);
  const drawn = await drawFromPrior(session, reading, DRAWS, rng.at("latents"));
  const draws = drawn.map((draw) => withoutSpecks(draw, reading.xm, PAPER_SIZE));
  const chosen = choose(
    draws.map((draw) => addedLabels(draw, reading)),
    count,
  );
  return (
    chosen
      .map((choice) => placed(draws[choice.draw], choice.count / DRAWS, window, partial, box))
      // A few lone cells just above the cut can vanish between the pixels' centres.
      .filter(({ added }) => added.inside + added.outside > 0)
      .sort((a, b) => a.added.inside - b.added.inside || a.added.outside - b.added.outside)
  );
}

/** What a draw adds to the image's open cells. */
function addedLabels(draw: CellProbabilities, { xm, onImage }: Reading): AddedLabels {
  return Uint8Array.from(xm, (segmented, i) => (segmented || !onImage[i] ? NOTHING : labelOf(draw, i)));
}

function placed(
  draw: CellProbabilities,
  support: number,
  window: Window,
  input: PartialSegmentation,
  box: Box,
): Candidate {
  const partial = placeBack(draw, PAPER_SIZE, window, input, box);
  return { box, partial, support, added: countAdded(partial, input, box) };
}

export function countAdded(partial: PartialSegmentation, input: PartialSegmentation, box: Box) {
  let [inside, outside] = [0, 0];
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const i = y * box.width + x;
      if (!partial.partialness[i] || input.partialness[(box.y + y) * input.width + box.x + x]) continue;
      if (partial.segmentation[i]) inside++;
      else outside++;
    }
  }
  return { inside, outside };
}
