/**
 * Probabilities for `tendril export --fractional`. A journal holds none, so the model is asked again: it is shown the marks of each slice as they
 * are at the end, in the plane of the DICOM images, and says how likely every pixel is inside.
 *
 * It sees what the page would show it there: what was drawn as drawn, and what was taken, filled in or imported as segmented before.
 */
import { Rng, UsageError } from "../core/index.ts";
import { nodeRuntime } from "../engine/runtime-node.ts";
import { fractionalFrames, fractionOf, grayScaleOf, planesOf, sliceImage } from "../image/index.ts";
import { createProposer } from "../model/index.ts";
import { byHandOf, INSIDE, partialOf, sliceOf, volumeIndexOf } from "../project/index.ts";
import { shippedModelFolder } from "../train/index.ts";
import type { Annotated } from "./annotated.ts";
import { decoderReader, encoderFor, readModel } from "./model.ts";
import { SlowBar } from "./slow-bar.ts";

export interface Probabilities {
  /** For `encodeDicomSeg`, with the name of the model. @throws {DicomSegError | ImageFormatError} as that does */
  of(
    one: Annotated,
    content: Parameters<typeof fractionalFrames>[0],
  ): Promise<{ readonly fractions: Uint8Array; readonly algorithm: string }>;
  readonly close: () => Promise<void>;
}

interface Options {
  readonly model?: string;
  readonly features: boolean;
  readonly seed?: number;
}

/** @throws {TendrilError} when there is no such model, or it gives no probabilities */
export async function openProbabilities({ model, features, seed = 1 }: Options): Promise<Probabilities> {
  const proposer = await createProposer(
    await readModel(model ?? shippedModelFolder()),
    nodeRuntime({ threads: 0 }),
    decoderReader(),
  );
  const { name, probabilities, close } = proposer;
  if (!probabilities) {
    await close();
    throw new UsageError(`${name} gives no probabilities. Name a general model with --model.`);
  }
  const encoder = features ? await encoderFor(proposer) : null;
  return {
    close,
    async of({ name: image, annotations }, content) {
      const { fractions, frames } = fractionalFrames(content);
      const { volume } = content;
      // The slices of the DICOM images, as the page shows them.
      const plane = Object.values(planesOf(volume)).find(({ axis }) => axis === 2)!;
      const scale = grayScaleOf(volume);
      const bar = new SlowBar("slices ");
      try {
        const slices = [...new Set(frames.map(({ slice }) => slice))];
        for (const [done, slice] of slices.entries()) {
          bar.at(done, slices.length, image);
          const shown = sliceImage(volume, scale, plane, slice);
          const learned = encoder && (await proposer.encode(shown, encoder));
          // Features are of the image, and do for all its labels.
          for (const { value, pixels } of frames.filter((frame) => frame.slice === slice)) {
            // A label that has voxels was worked on.
            const marks = sliceOf(annotations!.get(value)!.data, volume.size, plane, slice);
            const byHand = byHandOf(marks);
            const asked = { rng: Rng.seeded(seed), byHand, ...(learned && { features: learned }) };
            const likely = await probabilities(shown, partialOf(marks), asked);
            const indexOf = volumeIndexOf(volume.size, plane, slice);
            const first = slice * pixels.length;
            for (let p = 0; p < likely.length; p++)
              pixels[indexOf(p) - first] = fractionOf(likely[p], (marks.data[p] & INSIDE) !== 0, byHand[p] === 1);
          }
        }
        bar.at(slices.length, slices.length, image);
      } finally {
        bar.stop();
      }
      return { fractions, algorithm: name };
    },
  };
}
