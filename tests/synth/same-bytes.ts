/** A digest of everything that synth draws, for Node and for a page: one differing bit changes it. */
import { Rng } from "../../src/core/index.ts";
import { DISKS, drawBatch, makeDiskSet, PAIRS } from "../../src/synth/index.ts";

/** @returns SHA-256 in hex, of 100 images and 20 batches of 32 */
export default async function digestOfSynth(seed: number): Promise<string> {
  const rng = Rng.seeded(seed);
  const set = makeDiskSet(rng, "train", 100, DISKS);
  const parts: Uint8Array[] = set.flatMap(({ image, disks }) => [new Uint8Array(image.buffer), ...disks]);
  for (let step = 0; step < 20; step++) {
    const { indices, image, xm, xs, ym, ys } = drawBatch(rng.at("batches").at(step), set, 32, DISKS.size, PAIRS);
    parts.push(...[Float32Array.from(indices), image, xm, xs, ym, ys].map(({ buffer }) => new Uint8Array(buffer)));
    parts.push(new Uint8Array(rng.at("noise").at(step).normals(512).buffer));
  }
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts as BlobPart[]).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
