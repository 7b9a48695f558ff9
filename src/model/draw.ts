/** Draws from the prior: the same image and input decoded with one latent z ~ N(0, I) each. */
import type { Rng } from "../core/index.ts";
import type { HostTensor, Session } from "../engine/index.ts";
import { LATENT_SIZE, PAPER_SIZE } from "./paper.ts";
import type { CellProbabilities } from "./window.ts";

/** [32, 32] each: what the decoder reads beside the latent. */
export interface DecoderInput {
  readonly image: Float32Array;
  readonly xm: Float32Array;
  readonly xs: Float32Array;
}

/** @param session  the decoder for exactly `count` draws (`paperDecoderOnnx`) */
export async function drawFromPrior(
  session: Session,
  { image, xm, xs }: DecoderInput,
  count: number,
  rng: Rng,
): Promise<CellProbabilities[]> {
  const area = PAPER_SIZE * PAPER_SIZE;
  const { partialness, segmentation } = await session.run({
    image: repeated(image, count),
    xm: repeated(xm, count),
    xs: repeated(xs, count),
    z: { data: rng.normals(count * LATENT_SIZE * LATENT_SIZE), shape: [count, 1, LATENT_SIZE, LATENT_SIZE] },
  });
  return Array.from({ length: count }, (_, n) => ({
    partialness: partialness.data.subarray(n * area, (n + 1) * area),
    segmentation: segmentation.data.subarray(n * area, (n + 1) * area),
  }));
}

/** @returns [count, 1, 32, 32], the same plane for every draw */
function repeated(plane: Float32Array, count: number): HostTensor {
  const data = new Float32Array(count * plane.length);
  for (let n = 0; n < count; n++) data.set(plane, n * plane.length);
  return { data, shape: [count, 1, PAPER_SIZE, PAPER_SIZE] };
}
