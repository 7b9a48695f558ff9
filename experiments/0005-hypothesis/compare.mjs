/**
 * The paper's hypothesis, with one trained network: one complete proposal, several complete, one partial, several partial.
 *
 *     node experiments/0005-hypothesis/compare.mjs SPLIT [LIMIT] [DATA] [MODEL]
 *
 * SPLIT is validation or dev_heldout, LIMIT cases a data set. Prints a table of the settings and of their differences to the first, paired by case.
 */
const [split, limit = "8", data = "../shared/data", name = "models/general"] = process.argv.slice(2);
const from = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url));
const { annotateAll, reportAnnotations, findCases, chooseCases } = await from("evaluate/index.js");
const { decoderReader, encoderFor } = await from("cli/model.js");
const { createProposer } = await from("model/index.js");
const { readModelFolder } = await from("train/index.js");
const { nodeRuntime } = await from("engine/runtime-node.js");
const { Rng } = await from("core/index.js");

const SETTINGS = {
  "one complete": { count: 1, steps: [1] },
  "several complete": { count: 8, steps: [1] },
  "one partial (0.5)": { count: 1, steps: [0.5] },
  "several partial (0.5)": { count: 8, steps: [0.5] },
  "several of three steps (1, 0.5, 0.25)": { count: 8, steps: [1, 0.5, 0.25] },
};
const COLUMNS = ["dice@1", "dice@3", "dice@5", "auc", "noi", "never", "seconds"];

const proposer = await createProposer(await readModelFolder(name), nodeRuntime({ threads: 1 }), decoderReader());
const encoder = await encoderFor(proposer);
const settings = Object.entries(SETTINGS).map(([setting, how]) => ({ name: setting, proposer, encoder, opening: "stroke", isBlank: false, ...how }));
const cases = chooseCases(await findCases(data, { datasets: [], split }), Number(limit), 0);
const { cases: annotated } = await annotateAll(settings, cases, Rng.seeded(0), (done) => {
  if (done % 10 === 0) console.error(`${done}/${cases.length}`);
});
await proposer.close();
const overall = reportAnnotations(annotated, Rng.seeded(1)).at(-1);

const figure = (column, value) => value.toFixed(column === "noi" || column === "seconds" ? 2 : 3);
console.log(`${proposer.name}, ${split}: ${overall.cases} cases\n`);
console.log(`| setting | ${COLUMNS.join(" | ")} |\n| --- | ${COLUMNS.map(() => "--:").join(" | ")} |`);
for (const [s, report] of overall.settings.entries())
  console.log(`| ${settings[s].name} | ${COLUMNS.map((c) => figure(c, report[c].value)).join(" | ")} |`);
console.log(`\n| one complete minus | ${COLUMNS.join(" | ")} |\n| --- | ${COLUMNS.map(() => "---").join(" | ")} |`);
for (const [s, report] of overall.differences.entries())
  console.log(
    `| ${settings[s + 1].name} | ${COLUMNS.map((c) => `${figure(c, report[c].value)} [${figure(c, report[c].low)}, ${figure(c, report[c].high)}]`).join(" | ")} |`,
  );
