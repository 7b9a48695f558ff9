/**
 * What the trained network relies on: Dice on held-back subjects with some of its input planes set to zero.
 *
 *     node experiments/0012-maps-left-out/leave-out.mjs [MODEL] [DATA]
 *
 * For every case one stroke inside, then two corrections of the largest error, each of the answer before; one answer (z = 0), whole images.
 * Needs the features in runs/cache (tendril train makes them).
 */
const [model = "models/general", data = "../shared/data"] = process.argv.slice(2);
const from = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url));
const { loadAnnotatedImages, loadFeatures, readModelFolder } = await from("train/index.js");
const { FeatureStore } = await from("train/feature-store.js");
const { readOnImage, readValues } = await from("train/view.js");
const { candidatesOnnx, trunkOnnx } = await from("model/general.js");
const { compare, imageMaps, PLANES } = await from("model/index.js");
const { nodeRuntime } = await from("engine/runtime-node.js");
const { largestComponent, Rng } = await from("core/index.js");
const { scribbleIn } = await from("synth/index.js");

const SIZE = 128;
const AREA = SIZE * SIZE;
const GRID = { width: SIZE, height: SIZE };
const PER_DATASET = 8;
const STROKES = 3;
const RESAMPLES = 2000;

const pair = (name) => [`${name}Inside`, `${name}Outside`];
const MAPS = {
  nearness: pair("near"),
  geodesic: pair("geodesic"),
  barrier: pair("barrier"),
  difference: ["difference"],
  "intensity likelihood": ["intensityLikelihood"],
  "texture likelihood": ["textureLikelihood"],
};
const LEFT_OUT = [
  ["nothing", [], true],
  ...Object.entries(MAPS).map(([name, planes]) => [name, planes, true]),
  ["all of these maps", Object.values(MAPS).flat(), true],
  ["the image", ["image"], true],
  ["pretrained features", [], false],
];

const trained = await readModelFolder(model);
const shape = trained.card.config.model;
const images = await loadAnnotatedImages(data, { leaveOut: ["synthseg_labelmaps"], imagesPerDataset: 120 });
const held = { ...images, items: images.items.filter(({ split, kind }) => split === "validation" && kind === "image") };
const runtime = nodeRuntime({ threads: 1 });
const { features } = await loadFeatures(held, shape.features, { runtime, from: trained.weights });
const store = new FeatureStore(features);
const trunk = await runtime.load(trunkOnnx(trained.weights, shape));
const decoder = await runtime.load(candidatesOnnx(trained.weights, shape, 1));

/** By what is left out: for every case the Dice after each stroke. */
const dice = new Map(LEFT_OUT.map(([name]) => [name, []]));
const counts = new Map();
for (const item of Rng.seeded(1).shuffle([...held.items])) {
  const done = counts.get(item.dataset) ?? 0;
  if (done >= PER_DATASET) continue;
  const rng = Rng.seeded(2).at(`${item.dataset}/${item.name}`);
  const mask = item.masks[rng.below(item.masks.length)];
  const scene = sceneOf(item, mask);
  if (!scene) continue;
  counts.set(item.dataset, done + 1);
  for (const [name, planes, withFeatures] of LEFT_OUT) dice.get(name).push(await annotate(scene, planes, withFeatures, rng));
}
await trunk.close();
await decoder.close();

const whole = dice.get("nothing");
console.log(`${whole.length} cases of ${counts.size} data sets\n`);
console.log("| left out | Dice@1 | less by | Dice@3 | less by |\n| --- | --: | --- | --: | --- |");
for (const [name, cases] of dice) {
  const cells = [0, STROKES - 1].flatMap((k) => {
    const [less, low, high] = interval(cases.map((values, n) => whole[n][k] - values[k]));
    const lost = name === "nothing" ? "" : `${less.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
    return [mean(cases.map((values) => values[k])).toFixed(3), lost];
  });
  console.log(`| ${name} | ${cells.join(" | ")} |`);
}

function sceneOf(item, mask) {
  const side = Math.max(item.width, item.height);
  const view = { x: [side, 0, item.width / 2], y: [0, side, item.height / 2] };
  const onImage = readOnImage(view, SIZE, item);
  const values = readValues(view, SIZE, images.pixels, mask.offset, item, 0);
  const truth = Uint8Array.from(values, (value) => Number(value >= 0.5));
  const seen = store.read(item, view, SIZE / 2);
  if (!seen || truth.reduce((sum, value) => sum + value, 0) < 30) return null;
  const image = stretched(readValues(view, SIZE, images.pixels, item.offset, item, 0), onImage);
  return { maps: imageMaps(image, onImage, GRID), onImage, truth, features: seen };
}

async function annotate({ maps, onImage, truth, features }, leftOut, withFeatures, rng) {
  const [inside, outside] = [new Uint8Array(AREA), new Uint8Array(AREA)];
  let shown = null;
  const reached = [];
  for (let turn = 0; turn < STROKES; turn++) {
    const wrong = truth.map((value, i) => Number(onImage[i] === 1 && value !== (shown ? shown[i] : 0)));
    const region = largestComponent(wrong, GRID);
    const first = region.indexOf(1);
    if (first >= 0) {
      const label = truth[first];
      const ofLabel = region.map((value, i) => Number(value && truth[i] === label));
      const { pixels } = scribbleIn(rng.at(turn), ofLabel, GRID, label);
      for (let i = 0; i < AREA; i++) {
        if (!pixels[i]) continue;
        inside[i] = label;
        outside[i] = 1 - label;
      }
    }
    const marks = {
      inside,
      outside,
      segmented: truth.map((_, i) => (shown ? onImage[i] : inside[i] | outside[i])),
      segmentedInside: truth.map((_, i) => Number(inside[i] || (shown?.[i] && !outside[i]))),
    };
    const planes = new Float32Array(PLANES.length * AREA);
    compare(maps, marks, 1, planes);
    for (const name of leftOut) planes.fill(0, PLANES.indexOf(name) * AREA, (PLANES.indexOf(name) + 1) * AREA);
    shown = await answerTo(planes, withFeatures ? features : new Float32Array(features.length), marks);
    reached.push(diceOf(shown, truth, onImage));
  }
  return reached;
}

async function answerTo(planes, features, { inside, outside }) {
  const tensor = (values, channels, size) => ({ data: Float32Array.from(values), shape: [1, channels, size, size] });
  const seen = await trunk.run({
    planes: tensor(planes, PLANES.length, SIZE),
    features: tensor(features, shape.features, SIZE / 2),
  });
  const { segmentation } = await decoder.run({
    ...seen,
    inside: tensor(inside, 1, SIZE),
    outside: tensor(outside, 1, SIZE),
    z: { data: new Float32Array(shape.latent), shape: [1, shape.latent] },
  });
  return Uint8Array.from(segmentation.data, (value) => Number(value >= 0.5));
}

function diceOf(shown, truth, onImage) {
  let [shared, total] = [0, 0];
  for (let i = 0; i < AREA; i++) {
    if (!onImage[i]) continue;
    shared += shown[i] & truth[i];
    total += shown[i] + truth[i];
  }
  return (2 * shared) / total;
}

function stretched(values, onImage) {
  const sorted = values.filter((_, i) => onImage[i] === 1).sort();
  const [low, high] = [0.01, 0.99].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  return values.map((value, i) => (onImage[i] ? (high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5) : 0));
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean and its 95 % interval over resampled cases. */
function interval(values) {
  const rng = Rng.seeded(3);
  const means = Array.from({ length: RESAMPLES }, () => mean(values.map(() => values[rng.below(values.length)]))).sort((a, b) => a - b);
  return [mean(values), means[Math.round(0.025 * RESAMPLES)], means[Math.round(0.975 * RESAMPLES)]];
}
