/** Regions that the pretrained segmenter itself finds: found once, read from the cache, made again where that is damaged. */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Runtime } from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { encodeLabels } from "../../src/image/index.ts";
import { type AnnotatedImages, loadAnnotatedImages } from "../../src/train/annotated-images.ts";
import { loadRegions, type RegionOptions, regionAt } from "../../src/train/region-cache.ts";
import { StoppedError } from "../../src/train/stopped.ts";
import { ALL_IMAGES, madeScene, put, SIDE } from "./made-data.ts";
import { placeForRuns } from "./tiny.ts";

const { image, disks } = madeScene(1);
/** No network is to be loaded. */
const none: Runtime = { name: "none", load: () => Promise.reject(new Error("a network was loaded")) };

let place: string;
let cache: string;
let images: AnnotatedImages;

beforeAll(async () => {
  place = await placeForRuns();
  cache = join(place, "regions");
  await put(join(place, "data", "set", "images", "a.png"), encodeLabels(image, SIDE));
  await put(join(place, "data", "set", "masks", "disk", "a.png"), encodeLabels(disks[0], SIDE));
  images = await loadAnnotatedImages(join(place, "data"), ALL_IMAGES);
});
afterAll(() => rm(place, { recursive: true }));

const load = (options: Partial<RegionOptions> = {}) =>
  loadRegions(images, { runtime: nodeRuntime({ threads: 1 }), cache, ...options });

function overlap(a: Uint8Array, b: Uint8Array): number {
  const both = a.reduce((sum, value, i) => sum + (value & b[i]), 0);
  return both / a.reduce((sum, value, i) => sum + (value | b[i]), 0);
}

test("both disks are among the regions, no two of which are nearly the same; then the cache has them", async () => {
  const progress: string[] = [];
  const found = await load({ onProgress: (done, total) => progress.push(`${done}/${total}`) });
  expect(progress).toEqual(["1/1"]);
  const regions = found.places.get("set/a")!.map((at) => regionAt(found, at, SIDE));
  for (const disk of disks) expect(Math.max(...regions.map((region) => overlap(region, disk)))).toBeGreaterThan(0.7);
  for (const [k, one] of regions.entries())
    for (const other of regions.slice(0, k)) expect(overlap(one, other)).toBeLessThan(0.75);
  expect(await load({ runtime: none })).toEqual(found);
});

test("a damaged file is made again, and a stop leaves none", async () => {
  const before = await load();
  const [name] = await readdir(cache);
  const bytes = await readFile(join(cache, name));
  await writeFile(join(cache, name), bytes.subarray(0, -3));
  await expect(load({ runtime: none })).rejects.toThrow("a network was loaded");
  const signal = AbortSignal.abort();
  await expect(load({ signal })).rejects.toBeInstanceOf(StoppedError);
  expect(await load()).toEqual(before);
  expect(await readFile(join(cache, name))).toEqual(bytes);
});
