/**
 * How far do models of disks get on real images? One stroke inside and one outside on images of the train sets, four candidates,
 * Dice of all that is inside then with the reference.
 *
 *     npm run build && node experiments/0002-real-images/compare.mjs models/paper
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Rng } from "../../dist/src/core/index.js";
import { nodeRuntime } from "../../dist/src/engine/runtime-node.js";
import { decodeImage } from "../../dist/src/image/index.js";
import { createProposer } from "../../dist/src/model/index.js";
import { readModelFolder } from "../../dist/src/train/index.js";

const DATA = join(import.meta.dirname, "../../../shared/data");
const IMAGES_PER_STRUCTURE = 4;
const SEED = 1;

const cases = [];
for (const { id, split } of sets()) {
  if (split !== "train" || !existsSync(join(DATA, id, "masks"))) continue;
  for (const structure of readdirSync(join(DATA, id, "masks")).sort()) {
    const names = readdirSync(join(DATA, id, "masks", structure)).sort();
    const every = Math.max(1, Math.floor(names.length / IMAGES_PER_STRUCTURE));
    for (let i = 0; i < names.length; i += every) {
      const image = read(join(DATA, id, "images", names[i]));
      const reference = read(join(DATA, id, "masks", structure, names[i])).data.map((value) => (value > 127 ? 1 : 0));
      const partial = strokes(image, reference);
      if (partial) cases.push({ image, reference, partial });
    }
  }
}

for (const folder of process.argv.slice(2)) {
  const proposer = await createProposer(await readModelFolder(folder), nodeRuntime({ threads: 1 }));
  const best = [];
  const mean = [];
  for (const { image, reference, partial } of cases) {
    const candidates = await proposer.propose(image, partial, { count: 4, rng: Rng.seeded(SEED) });
    const scores = candidates.map((candidate) => dice(insideWith(partial, candidate), reference));
    if (scores.length === 0) scores.push(dice(partial.segmentation, reference));
    best.push(Math.max(...scores));
    mean.push(average(scores));
  }
  await proposer.close();
  console.log(`${folder}: ${cases.length} cases, best of 4 ${average(best).toFixed(3)}, mean of 4 ${average(mean).toFixed(3)}`);
}
console.log(`strokes alone: ${average(cases.map(({ partial, reference }) => dice(partial.segmentation, reference))).toFixed(3)}`);

function sets() {
  const { datasets } = JSON.parse(readFileSync(join(DATA, "manifest.json"), "utf8"));
  return Object.entries(datasets).map(([id, { split }]) => ({ id, split }));
}

function read(path) {
  return decodeImage(readFileSync(path), path);
}

/** The middle of the longest inside run of a row, and a stroke of the same length outside, above it; null where there is no room. */
function strokes({ width, height }, reference) {
  const inside = longestRun(reference, width, height, 1, 0, height);
  if (!inside || inside.length < 6) return null;
  const outside = longestRun(reference, width, height, 0, Math.max(0, inside.y - 80), inside.y);
  if (!outside || outside.length < 6) return null;
  const partial = { width, height, partialness: new Uint8Array(width * height), segmentation: new Uint8Array(width * height) };
  mark(partial, inside, 1, inside.length / 3);
  mark(partial, outside, 0, inside.length / 3);
  return partial;
}

function longestRun(mask, width, height, value, top, bottom) {
  let best = null;
  for (let y = top; y < Math.min(height, bottom); y++) {
    for (let x = 0, start = 0; x <= width; x++) {
      if (x < width && mask[y * width + x] === value) continue;
      if (!best || x - start > best.length) best = { y, x: start, length: x - start };
      start = x + 1;
    }
  }
  return best;
}

/** Three pixels thick, centred on the run. */
function mark({ width, height, partialness, segmentation }, run, label, length) {
  const from = Math.round(run.x + run.length / 2 - length / 2);
  for (let y = Math.max(0, run.y - 1); y <= Math.min(height - 1, run.y + 1); y++) {
    for (let x = Math.max(0, from); x < Math.min(width, from + length); x++) {
      partialness[y * width + x] = 1;
      segmentation[y * width + x] = label;
    }
  }
}

function insideWith({ width, segmentation }, { box, partial }) {
  const out = segmentation.slice();
  for (let y = 0; y < box.height; y++)
    for (let x = 0; x < box.width; x++) out[(box.y + y) * width + box.x + x] |= partial.segmentation[y * box.width + x];
  return out;
}

function dice(a, b) {
  let [shared, total] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    shared += a[i] & b[i];
    total += a[i] + b[i];
  }
  return (2 * shared) / total;
}

function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
