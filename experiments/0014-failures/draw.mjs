/**
 * The case of each data set that went worst, drawn without the image: what was shown after 1, 3 and all interactions (filled) over the outline
 * of the truth.
 *
 *     node experiments/0014-failures/draw.mjs FILE.svg [SPLIT] [LIMIT] [DATA] [MODEL]
 *
 * One answer, after a stroke; SPLIT is dev_heldout, LIMIT 8 cases a data set.
 */
import { writeFile } from "node:fs/promises";

const [file, split = "dev_heldout", limit = "8", data = "../shared/data", name = "models/general"] = process.argv.slice(2);
const from = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url));
const { annotateAll, chooseCases, findCases } = await from("evaluate/index.js");
const { watchCases, worstCases } = await from("evaluate/worst-cases.js");
const { diceOf } = await from("evaluate/annotator.js");
const { decoderReader, encoderFor } = await from("cli/model.js");
const { createProposer } = await from("model/index.js");
const { readModelFolder } = await from("train/index.js");
const { nodeRuntime } = await from("engine/runtime-node.js");
const { Rng } = await from("core/index.js");

const TILE = 128;
const GAP = 8;
const TEXT = 16;

const proposer = await createProposer(await readModelFolder(name), nodeRuntime({ threads: 1 }), decoderReader());
const setting = { name: proposer.name, proposer, encoder: await encoderFor(proposer), opening: "stroke", isBlank: false, count: 1, steps: [1] };
const files = chooseCases(await findCases(data, { datasets: [], split }), Number(limit), 0);
const { cases } = await annotateAll([setting], files, Rng.seeded(0), (done) => console.error(`${done}/${files.length}`));
const datasets = [...new Set(cases.map(({ dataset }) => dataset))].sort();
const worst = datasets.map((dataset) => worstCases(cases.filter((one) => one.dataset === dataset), 1)[0]);
const watched = await watchCases(worst, setting, files, Rng.seeded(0));
await proposer.close();

const columns = 2;
const across = 3 * (TILE + GAP);
const rowHeight = TILE + GAP + TEXT;
const [width, height] = [columns * (across + GAP) + GAP, Math.ceil(watched.length / columns) * rowHeight + GAP];
const blocks = watched.map(({ one, shown }, k) => {
  const [left, top] = [GAP + (k % columns) * (across + GAP), GAP + Math.floor(k / columns) * rowHeight];
  const steps = [1, 3, shown.length].map((n) => Math.min(n, shown.length));
  const tiles = steps.map((step, t) => {
    const mask = shown[step - 1];
    return (
      `<g transform="translate(${left + t * (TILE + GAP)} ${top + TEXT})"><rect class="b" width="${TILE}" height="${TILE}"/>` +
      `<path class="f" d="${runs(mask, one.image)}"/><path class="o" d="${edges(one.truth, one.image)}"/>` +
      `<text x="3" y="${TILE - 4}">after ${step}: ${diceOf(mask, one.truth).toFixed(2)}</text></g>`
    );
  });
  return `<text x="${left}" y="${top + TEXT - 5}">${one.dataset}, ${one.structure}</text>${tiles.join("")}`;
});
const style = `text{font:11px system-ui,sans-serif;fill:#333}.b{fill:#f4f4f4}.f{fill:#e4572e;fill-opacity:.55}.o{stroke:#1d3557;fill:none}`;
await writeFile(
  file,
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><title>The worst case of each data set: filled what was shown, outlined the truth, Dice below</title><style>${style}</style><rect width="100%" height="100%" fill="#fff"/>${blocks.join("\n")}</svg>\n`,
);

/** A rectangle for every run of a row. */
function runs(mask, { width }) {
  let path = "";
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i] || (i % width > 0 && mask[i - 1])) continue;
    let end = i + 1;
    while (end % width > 0 && mask[end]) end++;
    path += `M${i % width} ${Math.floor(i / width)}h${end - i}v1h${i - end}z`;
  }
  return path;
}

/** A line along every side that a pixel of the mask shares with one that is not of it; sides in a row are one line. */
function edges(mask, { width, height }) {
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : mask[y * width + x]);
  let path = "";
  for (let y = 0; y <= height; y++)
    for (let x = 0, start = -1; x <= width; x++) {
      const isEdge = x < width && at(x, y) !== at(x, y - 1);
      if (isEdge && start < 0) start = x;
      if (isEdge || start < 0) continue;
      path += `M${start} ${y}h${x - start}`;
      start = -1;
    }
  for (let x = 0; x <= width; x++)
    for (let y = 0, start = -1; y <= height; y++) {
      const isEdge = y < height && at(x, y) !== at(x - 1, y);
      if (isEdge && start < 0) start = y;
      if (isEdge || start < 0) continue;
      path += `M${x} ${start}v${y - start}`;
      start = -1;
    }
  return path;
}
