/**
 * What adapting was worth, from reports of `tendril evaluate BEFORE AFTER ... --json`, one a data set: before and after, and after less before, paired by case.
 *
 *     node experiments/0021-adapting/table.mjs REPORT.json ... [--svg FILE.svg]
 *
 * The picture shows Dice after the first stroke, before and after.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parse, View } from "vega";
import { compile } from "vega-lite";

const from = (path) => import(new URL(`../../dist/src/${path}`, import.meta.url));
const { reportAnnotations } = await from("evaluate/index.js");
const { Rng } = await from("core/index.js");

const COLUMNS = ["dice@1", "dice@3", "auc", "noi", "seconds", "never"];
const { positionals, values: options } = parseArgs({ allowPositionals: true, options: { svg: { type: "string" } } });
const cases = positionals.flatMap((path) =>
  // After first: the differences are the first setting less the others.
  JSON.parse(readFileSync(path, "utf8")).cases.map(({ annotations, ...names }) => ({ ...names, annotations: Object.values(annotations).slice(0, 2).reverse() })),
);
const groups = reportAnnotations(cases, Rng.seeded(1));
const figure = (column, value) => value.toFixed(column === "noi" ? 2 : column === "seconds" ? 1 : 3);
console.log(`| data set | cases | ${COLUMNS.map((column) => `${column}, before | after`).join(" | ")} |\n| --- | --: |${" --: |".repeat(2 * COLUMNS.length)}`);
for (const { group, cases: count, settings } of groups) {
  const [after, before] = settings;
  console.log(`| ${group} | ${count} | ${COLUMNS.map((column) => `${figure(column, before[column].value)} | ${figure(column, after[column].value)}`).join(" | ")} |`);
}
const [difference] = groups.at(-1).differences;
console.log(`\nAfter less before, overall: ${COLUMNS.map((column) => {
  const { value, low, high } = difference[column];
  return `${column} ${figure(column, value)} [${figure(column, low)}, ${figure(column, high)}]`;
}).join(", ")}`);

if (options.svg) {
  const values = groups.flatMap(({ group, settings: [after, before] }) =>
    Object.entries({ before, after }).map(([model, report]) => ({ group, model, dice: report["dice@1"].value })),
  );
  const y = { field: "group", type: "nominal", title: null, sort: groups.map(({ group }) => group) };
  const x = { field: "dice", type: "quantitative", title: "Dice after the first stroke", scale: { domain: [0, 1] } };
  const spec = {
    width: 420,
    height: { step: 22 },
    data: { values },
    layer: [
      { mark: { type: "line", color: "#9aa5b1", strokeWidth: 3 }, encoding: { x, y, detail: { field: "group" } } },
      {
        mark: { type: "point", filled: true, size: 90, opacity: 1 },
        encoding: { x, y, color: { field: "model", type: "nominal", title: null, sort: ["before", "after"], scale: { domain: ["before", "after"], range: ["#ffb000", "#3ba7ff"] } } },
      },
    ],
    config: { background: "white" },
  };
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  writeFileSync(options.svg, `${await view.toSVG()}\n`);
  view.finalize();
}
