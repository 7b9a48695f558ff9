/** Candidates for one image and partial segmentation, from any model: the centre of the product. */
import { type Image, type PartialSegmentation, requireSameGrid, ShapeError, UsageError } from "../core/index.ts";
import type { Runtime, Session } from "../engine/index.ts";
import type { Candidate, ImageFeatures, ProbabilityOptions, ProposeOptions } from "./candidate.ts";
import { generalProposer, type ReadDecoder } from "./general-propose.ts";
import type { Model } from "./model-file.ts";
import { paperProposer } from "./paper-propose.ts";
import { encodeImage, PROJECTION } from "./pretrained.ts";
import { boxOf } from "./window.ts";

export type { Candidate, ImageFeatures, ProbabilityOptions, ProposeOptions } from "./candidate.ts";

export interface Proposer {
  /** Name of the model and the first digits of its weights' SHA-256, for the journal: "paper-3f9a01c2". */
  readonly name: string;
  /** Whether `propose` can use an image's features. */
  readonly usesFeatures: boolean;
  /** How many answers of the network a candidate's support is a share of. */
  readonly answers: number;
  /** Loads what questions with features need; the first such question does it else. */
  prepareForFeatures(): Promise<void>;
  /** Features of an image, which takes a second or more. @param encoder  the pretrained encoder's ONNX file, loaded once while it is the same array */
  encode(image: Image, encoder: Uint8Array): Promise<ImageFeatures>;
  /**
   * @param image    any size
   * @param partial  on the image's grid
   * @returns        at most `count` candidates that differ; none when no larger region was found. The paper's model orders them by the
   *                 inside pixels they add, few to many, the general one by likelihood, the likeliest first
   * @throws {ShapeError} when the grids differ or the window does not touch the image
   */
  propose(image: Image, partial: PartialSegmentation, options: ProposeOptions): Promise<Candidate[]>;
  /**
   * How likely each pixel is inside when all that is left is added: the mean over the model's answers, whatever has been segmented. Null for
   * the paper's model, which answers near what has been segmented alone.
   *
   * @returns [H, W], each in [0, 1]
   * @throws {ShapeError} when the grids differ
   */
  readonly probabilities:
    | ((image: Image, partial: PartialSegmentation, options: ProbabilityOptions) => Promise<Float32Array>)
    | null;
  close(): Promise<void>;
}

const MOST_CANDIDATES = 64;

/**
 * Loads the model's networks; `close` releases them. Calls may overlap: they run one after another.
 *
 * @param readDecoder  the pretrained segmenter's decoder as an ONNX file, read when features first come with a question (`segmenter-hint.ts`); null goes without
 * @throws {EngineError} when the runtime refuses a network
 */
export async function createProposer(
  model: Model,
  runtime: Runtime,
  readDecoder: ReadDecoder | null = null,
): Promise<Proposer> {
  const { propose, probabilities, answers, prepareForFeatures, close } =
    model.card.kind === "paper"
      ? await paperProposer(model, runtime)
      : await generalProposer(model, runtime, readDecoder);
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined); // the caller of `mine` is told; the next in turn goes on
    return mine;
  };
  let loaded: { readonly file: Uint8Array; readonly session: Session } | null = null;
  return {
    name: `${model.card.name}-${model.card.weightsSha256.slice(0, 8)}`,
    usesFeatures: model.weights.has(PROJECTION.matrix),
    answers,
    prepareForFeatures: () => inTurn(prepareForFeatures),
    encode: (image, encoder) =>
      inTurn(async () => {
        if (loaded?.file !== encoder) {
          await loaded?.session.close();
          loaded = null;
          loaded = { file: encoder, session: await runtime.load(encoder) };
        }
        return encodeImage(image, loaded.session, model.weights);
      }),
    propose: (image, partial, options) =>
      inTurn(async () => {
        requireSense(image, partial, options);
        return propose(image, partial, options);
      }),
    probabilities:
      probabilities &&
      ((image, partial, options) =>
        inTurn(async () => {
          requireSense(image, partial, { ...options, count: 1 });
          return probabilities(image, partial, options);
        })),
    close: () =>
      turn.then(async () => {
        await close();
        await loaded?.session.close();
      }),
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
