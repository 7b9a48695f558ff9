/**
 * What candidates are worth beside one more stroke, and what becomes of one that was taken, on subjects held back from training:
 *
 *     node experiments/0006-levels/compare.mjs [MODEL] [LIMIT] [DATA]
 *
 * Two strokes by the simulated annotator. After the first, the Dice of the first answer, of the best of 15 draws, of the best cut of the
 * mean over latents at eight levels, and of the first answer after the second stroke. Then, where a cut gains 0.03, it is taken, a stroke
 * corrects it, and the answer is cut at one half, or where it agrees best with what was taken. The pretrained features are not used.
 */
const [name = "models/general", limit = "4", data = "../shared/data"] = process.argv.slice(2);
const from = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url));
const { chooseCases, diceOf, findCases, readCase } = await from("evaluate/index.js");
const { loadNetworks } = await from("model/general-networks.js");
const { imageMaps } = await from("model/index.js");
const { readModelFolder } = await from("train/index.js");
const { nodeRuntime } = await from("engine/runtime-node.js");
const { largestComponent, Rng } = await from("core/index.js");
const { scribbleIn } = await from("synth/index.js");

const SIZE = 128;
const GRID = { width: SIZE, height: SIZE };
const DRAWS = 15;
const LEVELS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.75, 0.9];

const model = await readModelFolder(name);
const networks = await loadNetworks(model, nodeRuntime({ threads: 1 }), DRAWS);
const latents = Rng.seeded(9).normals(DRAWS * model.card.config.model.latent);
const chosen = chooseCases(await findCases(data, { datasets: [], split: "validation" }), Number(limit), 0);
const seen = { first: [], draws: [], levels: [], "second stroke": [] };
const taken = { first: [], "best level": [], "after a stroke, cut at one half": [], "after a stroke, level kept": [] };
for (const file of chosen) {
  const one = await readCase(file);
  if (one) await measure(one, Rng.seeded(3).at(`${file.dataset}/${file.structure}/${file.name}`));
}
await networks.close();
for (const [title, table] of [["all", seen], ["where a level gains 0.03", taken]]) {
  console.log(`${title}: ${table.first.length} cases`);
  for (const [what, values] of Object.entries(table))
    console.log(`  ${(values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(3)}  ${what}`);
}

async function measure({ image, valid, truth }, rng) {
  const maps = imageMaps(stretched(image, valid), valid, GRID);
  const none = { inside: new Uint8Array(SIZE * SIZE), outside: new Uint8Array(SIZE * SIZE) };
  const cut = (values, level) => Uint8Array.from(values, (value, i) => Number(value >= level && valid[i]));
  const dice = (mask) => diceOf(mask, truth);
  const best = (masks) => masks.reduce((a, b) => (dice(b) > dice(a) ? b : a));

  const marked = withStroke(none, null, truth, valid, rng.at(0));
  const answers = await ask(maps, marked, null, valid);
  const first = cut(answers[0].segmentation, 0.5);
  const level = best(LEVELS.map((at) => cut(meanOf(answers), at)));
  const second = withStroke(marked, first, truth, valid, rng.at(1));
  const [next] = second ? await ask(maps, second, first, valid) : answers;
  seen.first.push(dice(first));
  seen.draws.push(dice(best(answers.map(({ segmentation }) => cut(segmentation, 0.5)))));
  seen.levels.push(dice(best([first, level])));
  seen["second stroke"].push(dice(cut(next.segmentation, 0.5)));

  const corrected = withStroke(marked, level, truth, valid, rng.at(1));
  if (dice(level) - dice(first) < 0.03 || !corrected) return;
  const [{ segmentation }] = await ask(maps, corrected, level, valid);
  const kept = [0.5, ...LEVELS].map((at) => cut(segmentation, at)).reduce((a, b) => (diceOf(b, level) > diceOf(a, level) ? b : a));
  taken.first.push(dice(first));
  taken["best level"].push(dice(level));
  taken["after a stroke, cut at one half"].push(dice(cut(segmentation, 0.5)));
  taken["after a stroke, level kept"].push(dice(kept));
}

function meanOf(answers) {
  return answers[0].segmentation.map((_, i) => answers.reduce((sum, { segmentation }) => sum + segmentation[i], 0) / answers.length);
}

/** The marks and one more stroke in the largest error; null when there is none. */
function withStroke(marks, shown, truth, valid, rng) {
  const regions = [1, 0].map((label) =>
    largestComponent(truth.map((value, i) => Number(valid[i] && value === label && (shown ? shown[i] !== value : label === 1))), GRID),
  );
  const [missed, added] = regions.map((region) => region.reduce((sum, value) => sum + value, 0));
  if (missed + added === 0) return null;
  const label = missed >= added ? 1 : 0;
  const { pixels } = scribbleIn(rng, regions[1 - label], GRID, label);
  return {
    inside: marks.inside.map((value, i) => (pixels[i] ? label : value)),
    outside: marks.outside.map((value, i) => (pixels[i] ? 1 - label : value)),
  };
}

function ask(maps, marks, shown, valid) {
  const segmented = marks.inside.map((value, i) => (shown ? valid[i] : value | marks.outside[i]));
  const segmentedInside = marks.inside.map((value, i) => Number(value || (shown?.[i] && !marks.outside[i])));
  return networks.answer({ maps, marks: { ...marks, segmented, segmentedInside }, step: 1, features: null }, latents);
}

function stretched({ data: values, maximum }, valid) {
  const scaled = Float32Array.from(values, (value) => value / maximum);
  const sorted = scaled.filter((_, i) => valid[i]).sort();
  const [low, high] = [0.01, 0.99].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  return scaled.map((value, i) => (valid[i] ? (high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5) : 0));
}
