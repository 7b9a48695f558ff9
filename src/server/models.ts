/** What the page loads besides itself, under /models: the shipped models' folders and the pretrained encoder. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import type { FastifyInstance } from "fastify";
import { onFile, orAbsent } from "../files/index.ts";

export interface ModelOptions {
  /** Folder of the shipped models, served under /models; may be missing. */
  readonly models: string;
  /** The pretrained encoder's ONNX file; null when it is not installed. */
  readonly encoder: string | null;
}

/** All but the models' own files, which are served as they lie. */
export function addModels(server: FastifyInstance, { models, encoder }: ModelOptions): void {
  // Asked for what there is, the page need not ask for what there is not, which browsers report as an error.
  server.get("/models/index.json", async () => ({
    models: await foldersIn(models),
    encoder: encoder !== null,
  }));
  if (encoder !== null)
    server.get("/models/pretrained/encoder.onnx", async (_, reply) => {
      const { size } = await onFile("read", encoder, () => stat(encoder));
      return reply.type("application/octet-stream").header("content-length", size).send(createReadStream(encoder));
    });
}

async function foldersIn(path: string): Promise<string[]> {
  const read = onFile("read", path, () => readdir(path, { withFileTypes: true }));
  return (await orAbsent(read, [])).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
