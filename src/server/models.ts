/** What the page loads besides itself, under /models: the model that proposes and the pretrained segmenter. */
import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { onFile } from "../files/index.ts";
import { MODEL_FILES } from "../model/index.ts";

export interface ModelOptions {
  /** Folder of the model that proposes now, of which the files of MODEL_FILES are served; may be missing. */
  readonly model: () => string;
  /** The pretrained segmenter's ONNX files; null when it is not installed. */
  readonly segmenter: { readonly encoder: string; readonly decoder: string } | null;
}

export function addModels(server: FastifyInstance, { model, segmenter }: ModelOptions): void {
  // Asked for what there is, the page need not ask for what there is not, which browsers report as an error.
  server.get("/models/index.json", async () => ({
    hasModel: existsSync(join(model(), MODEL_FILES.card)),
    segmenter: segmenter !== null,
  }));
  for (const name of Object.values(MODEL_FILES)) addFile(server, name, () => join(model(), name));
  for (const [name, path] of Object.entries(segmenter ?? {})) addFile(server, `pretrained/${name}.onnx`, () => path);
}

function addFile(server: FastifyInstance, name: string, path: () => string): void {
  server.get(`/models/${name}`, async (_, reply) => {
    const file = path();
    if (!existsSync(file)) return reply.callNotFound();
    const { size } = await onFile("read", file, () => stat(file));
    const type = name.endsWith(".json") ? "application/json" : "application/octet-stream";
    return reply.type(type).header("content-length", size).send(createReadStream(file));
  });
}
