/** Times proposals of a model in any runtime. Runs in Node and in the page. */
import { emptyPartial, type Image, Rng, visitStroke } from "../src/core/index.ts";
import type { Runtime } from "../src/engine/index.ts";
import { parseModel } from "../src/model/model-file.ts";
import { createProposer, type ImageFeatures } from "../src/model/propose.ts";

export interface ProposeArgs {
  /** The two files of a model's folder. */
  readonly card: string;
  readonly weights: Uint8Array;
  readonly runs: number;
  readonly threads: number;
  /** Of the image; in a larger one than the network's window the thing is as large, and looked at closer and closer. */
  readonly side: number;
  /** With it every question comes with the image's features, and the pretrained segmenter gives its hint. */
  readonly pretrained: { readonly features: ImageFeatures; readonly decoder: Uint8Array } | null;
}

/** Milliseconds. */
export interface ProposeTimes {
  /** Creating the sessions. */
  readonly load: number;
  readonly first: number;
  readonly median: number;
  readonly p95: number;
  /** What the process has grown by, where that is known. */
  readonly megabytes?: number;
}

export const SIDE = 128;
const CANDIDATES = 8;

export async function timeProposals(
  { card, weights, runs, side, pretrained }: ProposeArgs,
  runtime: Runtime,
): Promise<ProposeTimes> {
  const model = parseModel(card, weights, "bench");
  const started = performance.now();
  const proposer = await createProposer(model, runtime, pretrained && (async () => pretrained.decoder));
  if (pretrained) await proposer.prepareForFeatures();
  const load = performance.now() - started;
  const image = benchImage(side);
  const middle = side / 2;
  const partial = emptyPartial(image);
  for (const [y, value] of [
    [middle, 1],
    [middle + 48, 0],
  ] as const) {
    const points: [number, number][] = [
      [middle - 12, y],
      [middle + 12, y],
    ];
    visitStroke({ points, width: 3 }, image, (i) => {
      partial.partialness[i] = 1;
      partial.segmentation[i] = value;
    });
  }
  const times: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const start = performance.now();
    const found = await proposer.propose(image, partial, {
      count: CANDIDATES,
      rng: Rng.seeded(run),
      ...(pretrained ? { features: pretrained.features } : {}),
    });
    times.push(performance.now() - start);
    if (found.length === 0) throw new Error("The model proposed nothing, so that its time means nothing.");
  }
  await proposer.close();
  const [first, ...rest] = times;
  rest.sort((a, b) => a - b);
  return { load, first, median: rest[Math.floor(rest.length / 2)], p95: rest[Math.floor(0.95 * rest.length)] };
}

/** A bright disk in a ring, in the middle, with noise: something to find. */
export function benchImage(side: number): Image {
  const rng = Rng.seeded(1);
  const data = Uint8Array.from({ length: side * side }, (_, i) => {
    const distance = Math.hypot((i % side) - side / 2, Math.floor(i / side) - side / 2);
    const level = distance < 24 ? 170 : Math.abs(distance - 48) < 6 ? 120 : 60;
    return Math.min(255, Math.max(0, Math.round(level + 10 * rng.normal())));
  });
  return { width: side, height: side, data, maximum: 255 };
}
