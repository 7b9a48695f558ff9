/**
 * One short stroke in a smooth ellipse, in a body of another gray with noise, on images larger than the network's window: Dice of the first
 * candidate, looked at as in the app, and at the whole alone.
 *
 *     node experiments/0019-after-taking/made-images.mjs [MODEL]
 */
import { readFileSync } from "node:fs";

const [name = "general"] = process.argv.slice(2);
const from = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url));
const { readModel } = await from("cli/model.js");
const { emptyPartial, Rng } = await from("core/index.js");
const { nodeRuntime } = await from("engine/runtime-node.js");
const { pretrainedSegmenterPaths } = await from("files/index.js");
const { createProposer } = await from("model/index.js");

const IMAGES = 24;
const BRUSH = 2;

const segmenter = pretrainedSegmenterPaths();
const proposer = await createProposer(await readModel(name), nodeRuntime({ threads: 1 }), async () =>
  readFileSync(segmenter.decoder),
);
const encoder = readFileSync(segmenter.encoder);

/** Side lengths, and the ellipse's radii, between these. */
const KINDS = {
  "300 to 700 pixels": { side: [300, 700], radius: (u, side) => u(0.06, 0.16) * side },
  "400 to 900 pixels, things of 24 to 60": { side: [400, 900], radius: (u) => u(12, 30) },
  "1,100 to 1,800 pixels, things of 30 to 90": { side: [1100, 1800], radius: (u) => u(15, 45) },
  "2,400 to 4,000 pixels, things of 50 to 160": { side: [2400, 4000], radius: (u) => u(25, 80) },
};
for (const [kind, { side, radius }] of Object.entries(KINDS)) {
  const dice = {};
  for (let k = 0; k < IMAGES; k++) {
    const { image, partial, truth } = made(Rng.seeded(k), side, radius);
    const { width, height } = image;
    const size = Math.max(width, height);
    const whole = { x: -Math.floor((size - width) / 2), y: -Math.floor((size - height) / 2), size };
    const features = await proposer.encode(image, encoder);
    for (const [setting, options] of Object.entries({
      "as in the app": { features },
      "the whole alone": { features, window: whole },
      "as in the app, without features": {},
      "the whole alone, without features": { window: whole },
    })) {
      const [{ box, partial: found }] = await proposer.propose(image, partial, { count: 1, rng: Rng.seeded(1), ...options });
      (dice[setting] ??= []).push(diceOf(found, box, truth, width));
    }
  }
  for (const [setting, values] of Object.entries(dice)) {
    const mean = values.reduce((a, b) => a + b) / values.length;
    console.log(`${kind}, ${IMAGES} images, ${setting}: mean ${mean.toFixed(3)}, least ${Math.min(...values).toFixed(2)}`);
  }
}
await proposer.close();

function made(rng, [least, most], radius) {
  let drawn = 0;
  const u = (low, high) => low + (high - low) * rng.at(`number ${drawn++}`).uniform();
  const [width, height] = [Math.round(u(least, most)), Math.round(u(least, most))];
  const [cx, cy] = [u(0.3, 0.7) * width, u(0.3, 0.7) * height];
  const [rx, ry] = [radius(u, width), radius(u, height)];
  const [sigma, bright, gray] = [u(3, 14), u(110, 200), u(60, 100)];
  const otherX = cx < width / 2 ? 0.8 * width : 0.2 * width;
  const isIn = (x, y, [mx, my], [a, b]) => Math.hypot((x - mx) / a, (y - my) / b) < 1;
  const isThing = (x, y) => isIn(x, y, [cx, cy], [rx, ry]);
  const isBody = (x, y) => isIn(x, y, [width / 2, height / 2], [0.47 * width, 0.45 * height]);
  const noise = rng.at("noise").normals(width * height);
  const data = Uint8Array.from(noise, (value, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const isBright = isThing(x, y) || isIn(x, y, [otherX, height / 2], [rx, ry]);
    return Math.max(0, Math.min(255, (isBright ? bright : isBody(x, y) ? gray : 14) + sigma * value));
  });
  const image = { width, height, maximum: 255, data };
  const partial = emptyPartial(image);
  for (let k = 0; k <= 60; k++) {
    const [x, y] = [cx + (k / 60 - 0.5) * 0.7 * rx, cy + (k / 60 - 0.5) * 0.4 * ry].map(Math.round);
    for (let dy = -BRUSH; dy <= BRUSH; dy++)
      for (let dx = -BRUSH; dx <= BRUSH; dx++) {
        if (Math.hypot(dx, dy) > BRUSH) continue;
        partial.partialness[(y + dy) * width + x + dx] = 1;
        partial.segmentation[(y + dy) * width + x + dx] = 1;
      }
  }
  return { image, partial, truth: data.map((_, i) => Number(isThing(i % width, Math.floor(i / width)))) };
}

/** Of a candidate, which says nothing beyond its box. */
function diceOf({ segmentation }, box, truth, width) {
  let shared = 0;
  let total = truth.reduce((sum, value) => sum + value, 0);
  for (let i = 0; i < segmentation.length; i++) {
    if (!segmentation[i]) continue;
    total++;
    shared += truth[(box.y + Math.floor(i / box.width)) * width + box.x + (i % box.width)];
  }
  return (2 * shared) / total;
}
