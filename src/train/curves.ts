/** The loss and its terms over the steps, as SVG. */
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { LOG_EVERY, type Metrics } from "./metrics.ts";

const CURVES: Readonly<Record<string, string>> = {
  loss: "loss L",
  segmentation: "segmentation, WDL",
  partialness: "partialness, DL",
  divergence: "divergence, KL (nats)",
  middle: "one answer, z = 0",
  reconstruction: "posterior draw",
  best: "best of the prior draws",
};

export async function drawCurves(title: string, lines: readonly Metrics[]): Promise<string> {
  const values = lines.flatMap((line) =>
    Object.entries(CURVES)
      .filter(([key]) => key in line)
      .map(([key, curve]) => ({ step: line.step, curve, value: line[key] })),
  );
  const spec: TopLevelSpec = {
    title: `${title}: mean over every ${LOG_EVERY} steps`,
    data: { values },
    facet: { field: "curve", type: "nominal", header: { title: null } },
    spec: {
      width: 300,
      height: 160,
      mark: { type: "line", interpolate: "linear" },
      encoding: {
        x: { field: "step", type: "quantitative", title: "step" },
        y: { field: "value", type: "quantitative", title: null, scale: { zero: false } },
      },
    },
    columns: 2,
    resolve: { scale: { y: "independent" } },
    background: "white",
  };
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}
