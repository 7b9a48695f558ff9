/**
 * How right the general model is when it says how sure it is, on subjects held back from training:
 *
 *     node experiments/0004-general/calibration.mjs [MODEL] [DATA]
 *
 * For every case one stroke inside, then at most two corrections; each answer's probabilities, pixel by pixel, against the truth.
 * Prints a reliability table of "inside" (step 1), and for smaller steps how often the pixels that a candidate claims as segmented are
 * labelled right, by the threshold on the probability "segmented". Needs the features in runs/cache (tendril train makes them).
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, View } from "vega";
import { compile } from "vega-lite";

const [model = "models/general", data = "../shared/data"] = process.argv.slice(2);
const from = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url));
const { loadAnnotatedImages, loadFeatures, readModelFolder } = await from("train/index.js");
const { FeatureStore } = await from("train/feature-store.js");
const { readOnImage, readValues } = await from("train/view.js");
const { loadNetworks } = await from("model/general-networks.js");
const { imageMaps } = await from("model/index.js");
const { nodeRuntime } = await from("engine/runtime-node.js");
const { largestComponent, Rng } = await from("core/index.js");
const { scribbleIn } = await from("synth/index.js");

const SIZE = 128;
const GRID = { width: SIZE, height: SIZE };
const PER_DATASET = 8;
const BINS = 10;
const THRESHOLDS = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

const trained = await readModelFolder(model);
const shape = trained.card.config.model;
const images = await loadAnnotatedImages(data, { leaveOut: ["synthseg_labelmaps"], imagesPerDataset: 120 });
const held = { ...images, items: images.items.filter(({ split, kind }) => split === "validation" && kind === "image") };
const { features } = await loadFeatures(held, shape.features, { runtime: nodeRuntime({ threads: 1 }), from: trained.weights });
const store = features && new FeatureStore(features);
const networks = await loadNetworks(trained, nodeRuntime({ threads: 1 }), 1);

const inside = Array.from({ length: BINS }, () => ({ pixels: 0, said: 0, right: 0 }));
const claimed = new Map(THRESHOLDS.map((threshold) => [threshold, { pixels: 0, right: 0, open: 0 }]));
const counts = new Map();
for (const item of Rng.seeded(1).shuffle([...held.items])) {
  const done = counts.get(item.dataset) ?? 0;
  if (done >= PER_DATASET) continue;
  counts.set(item.dataset, done + 1);
  const rng = Rng.seeded(2).at(`${item.dataset}/${item.name}`);
  await measure(item, item.masks[rng.below(item.masks.length)], rng);
}
await networks.close();

const rows = inside.map(({ pixels, said, right }, bin) => ({ bin, pixels, said: said / pixels, right: right / pixels }));
console.log("said inside   was inside   pixels");
for (const { said, right, pixels } of rows) console.log(`${said.toFixed(3)}         ${right.toFixed(3)}        ${pixels}`);
console.log("\nthreshold on segmented   share of open pixels claimed   claimed pixels labelled right");
for (const [threshold, { pixels, right, open }] of claimed)
  console.log(`${threshold.toFixed(1)}                      ${(pixels / open).toFixed(3)}                          ${(right / pixels).toFixed(4)}`);
await writeFile(join("docs", "results", "reliability.svg"), await diagram(rows));

async function measure(item, mask, rng) {
  const side = Math.max(item.width, item.height);
  const view = { x: [side, 0, item.width / 2], y: [0, side, item.height / 2] };
  const onImage = readOnImage(view, SIZE, item);
  const image = stretched(readValues(view, SIZE, images.pixels, item.offset, item, 0), onImage);
  const values = readValues(view, SIZE, images.pixels, mask.offset, item, 0);
  const truth = Uint8Array.from(values, (value) => Number(value >= 0.5));
  if (truth.reduce((sum, value) => sum + value, 0) < 30) return;
  const maps = imageMaps(image, onImage, GRID);
  const seen = store?.read(item, view, SIZE / 2) ?? null;
  const marks = { inside: new Uint8Array(SIZE * SIZE), outside: new Uint8Array(SIZE * SIZE) };
  let shown = null;
  for (let turn = 0; turn < 3; turn++) {
    const wrong = shown && truth.map((value, i) => Number(onImage[i] === 1 && value !== shown[i]));
    const region = wrong ? largestComponent(wrong, GRID) : largestComponent(truth, GRID);
    const first = region.indexOf(1);
    if (first < 0) return;
    const label = truth[first];
    const stroke = scribbleIn(rng.at(turn), region.map((value, i) => Number(value && truth[i] === label)), GRID, label);
    for (let i = 0; i < truth.length; i++) {
      if (!stroke.pixels[i]) continue;
      marks.inside[i] = label;
      marks.outside[i] = 1 - label;
    }
    const segmented = truth.map((_, i) => (shown ? onImage[i] : marks.inside[i] | marks.outside[i]));
    const segmentedInside = truth.map((_, i) => (marks.inside[i] || (shown?.[i] && !marks.outside[i]) ? 1 : 0));
    const drawn = { segmented, segmentedInside, ...marks };
    const marked = (i) => marks.inside[i] || marks.outside[i];
    const answer = await ask(maps, drawn, 1, seen);
    for (let i = 0; i < truth.length; i++) {
      if (!onImage[i] || marked(i)) continue;
      const bin = inside[Math.min(BINS - 1, Math.floor(answer.segmentation[i] * BINS))];
      bin.pixels++;
      bin.said += answer.segmentation[i];
      bin.right += truth[i];
    }
    if (turn === 0) {
      const hand = { ...drawn, segmented: truth.map((_, i) => marks.inside[i] | marks.outside[i]) };
      const partial = await ask(maps, { ...hand, segmentedInside: marks.inside.slice() }, 0.25 + 0.5 * rng.at("step").uniform(), seen);
      for (const [threshold, sum] of claimed) {
        for (let i = 0; i < truth.length; i++) {
          if (!onImage[i] || marked(i)) continue;
          sum.open++;
          if (partial.partialness[i] < threshold) continue;
          sum.pixels++;
          sum.right += Number((partial.segmentation[i] >= 0.5 ? 1 : 0) === truth[i]);
        }
      }
    }
    shown = Uint8Array.from(answer.segmentation, (value) => Number(value >= 0.5));
  }
}

async function ask(maps, marks, step, seen) {
  const none = new Float32Array(shape.latent);
  const [first] = await networks.answer({ maps, marks, step, features: seen }, none);
  return { partialness: first.partialness.slice(), segmentation: first.segmentation.slice() };
}

function stretched(values, onImage) {
  const sorted = values.filter((_, i) => onImage[i] === 1).sort();
  const [low, high] = [0.01, 0.99].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  return values.map((value, i) => (onImage[i] ? (high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5) : 0));
}

async function diagram(rows) {
  const spec = {
    title: "Of the pixels said to be inside with a probability, how many were",
    width: 320,
    height: 320,
    background: "white",
    layer: [
      { data: { values: [{ said: 0, right: 0 }, { said: 1, right: 1 }] }, mark: { type: "line", strokeDash: [4, 4], color: "gray" } },
      { data: { values: rows }, mark: { type: "line", point: true } },
    ],
    encoding: {
      x: { field: "said", type: "quantitative", title: "said: probability inside", scale: { domain: [0, 1] } },
      y: { field: "right", type: "quantitative", title: "was: share inside", scale: { domain: [0, 1] } },
    },
  };
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  return `${await view.toSVG()}\n`;
}
