/** A case as files, for programs in other languages: case.json names tensors, and each is a file of little-endian float32. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { splitFlat, type Tensors } from "../src/engine/index.ts";
import { type Case, SEED } from "./cases.ts";

/** @param folder  an empty one; the files stay there */
export async function writeCase(
  folder: string,
  { name, model, parameters, weights, batch, inputs }: Case,
): Promise<void> {
  const values = splitFlat(parameters, weights);
  const named = Object.fromEntries(parameters.map(({ name, shape }) => [name, { shape, data: values.get(name)! }]));
  const manifest = {
    name,
    model,
    seed: SEED,
    parameters: await writeTensors(folder, "weights", named),
    batch: await writeTensors(folder, "batch", batch),
    inputs: await writeTensors(folder, "inputs", inputs),
  };
  await writeFile(join(folder, "case.json"), JSON.stringify(manifest, null, 2));
}

async function writeTensors(folder: string, prefix: string, tensors: Tensors) {
  const written: Record<string, { file: string; shape: readonly number[] }> = {};
  for (const [name, { data, shape }] of Object.entries(tensors)) {
    const file = `${prefix}.${name}.f32`;
    await writeFile(join(folder, file), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    written[name] = { file, shape };
  }
  return written;
}
