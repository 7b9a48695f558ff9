/** What the page loads besides itself, under /models: the shipped models' folders and the pretrained segmenter. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import type { FastifyInstance } from "fastify";
import { onFile, orAbsent } from "../files/index.ts";

export interface ModelOptions {
  /** Folder of the shipped models, served under /models; may be missing. */
  readonly models: string;
  /** The pretrained segmenter's ONNX files; null when it is not installed. */
  readonly segmenter: { readonly encoder: string; readonly decoder: string } | null;
}

/** All but the models' own files, which are served as they lie. */
export function addModels(server: FastifyInstance, { models, segmenter }: ModelOptions): void {
  // Asked for what there is, the page need not ask for what there is not, which browsers report as an error.
  server.get("/models/index.json", async () => ({
    models: await foldersIn(models),
    segmenter: segmenter !== null,
  }));
  for (const [name, path] of Object.entries(segmenter ?? {}))
    server.get(`/models/pretrained/${name}.onnx`, async (_, reply) => {
      const { size } = await onFile("read", path, () => stat(path));
      return reply.type("application/octet-stream").header("content-length", size).send(createReadStream(path));
    });
}

async function foldersIn(path: string): Promise<string[]> {
  const read = onFile("read", path, () => readdir(path, { withFileTypes: true }));
  return (await orAbsent(read, [])).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
