/**
 * Candidates from the paper's model.
 *
 *   the window around what has been segmented -> the network's input -> draws for latents z ~ N(0, I), without specks ->
 *   candidates that differ (`choose.ts`) -> placed back on the image's own pixels, with the input kept exactly
 */
import { type Box, boundsOf, type Image, type PartialSegmentation } from "../core/index.ts";
import type { Runtime, Session } from "../engine/index.ts";
import { type Candidate, countAdded, type ProposeOptions } from "./candidate.ts";
import { type AddedLabels, choose, labelOf, NOTHING } from "./choose.ts";
import { drawFromPrior } from "./draw.ts";
import type { Model } from "./model-file.ts";
import { PAPER_SIZE, paperDecoderOnnx } from "./paper.ts";
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

/** Latents drawn for one proposal, decoded in one run. */
const DRAWS = 32;

export async function paperProposer(model: Model, runtime: Runtime) {
  const session = await runtime.load(paperDecoderOnnx(model.weights, DRAWS));
  return {
    propose: (image: Image, partial: PartialSegmentation, options: ProposeOptions) =>
      propose(session, image, partial, options),
    probabilities: null,
    answers: DRAWS,
    prepareForFeatures: async () => undefined,
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
