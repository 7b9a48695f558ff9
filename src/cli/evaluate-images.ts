/** `tendril evaluate MODEL... --data FOLDER`: simulated annotations of real images, by data set and overall. */
import { Bar } from "cli-progress";
import { Rng, TendrilError } from "../core/index.ts";
import type { Runtime } from "../engine/index.ts";
import {
  ANNOTATION_MEASURES,
  type AnnotatedCase,
  type AnnotationMeasure,
  type AnnotationReport,
  type Annotations,
  annotateAll,
  type CaseFile,
  chooseCases,
  drawCases,
  type Estimate,
  findCases,
  type GroupReport,
  LEAST_PIXELS,
  type Opening,
  type Pen,
  reportAnnotations,
  type Setting,
  SIDE,
  watchCases,
  worstCases,
} from "../evaluate/index.ts";
import { atomicWrite } from "../files/index.ts";
import { encodePicture } from "../image/index.ts";
import { createProposer, type Model, type Proposer } from "../model/index.ts";
import { decoderReader, encoderFor } from "./model.ts";
import { aligned } from "./table.ts";

export interface ImageOptions {
  readonly data: string;
  readonly datasets: readonly string[];
  readonly split?: string;
  readonly limit: number;
  readonly size: number;
  readonly count: number;
  readonly step: readonly number[];
  readonly features: boolean;
  readonly opening: Opening;
  readonly pen: Pen;
  readonly seed: number;
  readonly blank: boolean;
  readonly single: boolean;
  readonly worst?: string;
  readonly threads: number;
  readonly json: boolean;
}

/** Cases that `--worst` draws. */
export const WORST = 12;
/** Files that were left out and are named; the others are counted. */
const NAMED = 5;

const MEASURES = Object.keys(ANNOTATION_MEASURES) as AnnotationMeasure[];
/** Measures whose interval the table shows; `--json` gives all. */
const WITH_INTERVAL: readonly AnnotationMeasure[] = ["auc", "noi", "seconds"];

export async function evaluateImages(models: readonly Model[], runtime: Runtime, options: ImageOptions): Promise<void> {
  const { data, datasets, split = null, limit, size, seed, json, worst } = options;
  const files = chooseCases(await findCases(data, { datasets, split }), limit, seed).map((file) => ({ ...file, size }));
  const proposers = await Promise.all(models.map((model) => createProposer(model, runtime, decoderReader())));
  const settings = await settingsOf(proposers, options);
  const bar = new Bar({ format: "{bar} {value}/{total} cases  {eta} s left", hideCursor: true, gracefulExit: true });
  const rng = Rng.seeded(seed).at("annotator");
  bar.start(files.length, 0);
  let annotations: Annotations;
  try {
    annotations = await annotateAll(settings, files, rng, (done) => bar.update(done));
  } finally {
    bar.stop();
  }
  const { cases, tooSmall, refused } = annotations;
  if (worst !== undefined && cases.length > 0) await drawWorst(worst, settings[0], files, cases, rng);
  for (const proposer of proposers) await proposer.close();
  for (const message of refused.slice(0, NAMED)) console.error(`left out: ${message}`);
  if (refused.length > NAMED) console.error(`left out: ${refused.length - NAMED} more cases`);
  if (tooSmall > 0)
    console.error(`left out: ${tooSmall} structures of fewer than ${LEAST_PIXELS} pixels at ${SIDE} x ${SIDE}`);
  if (cases.length === 0)
    throw new TendrilError(
      "data",
      `None of the ${files.length} cases in ${data} can be used. Look at what was left out above.`,
    );
  const reports = reportAnnotations(cases, Rng.seeded(seed).at("bootstrap"));
  console.log(json ? JSON.stringify(asJson(settings, reports, annotations, options)) : asText(settings, reports));
}

/** Also says on standard error which case each row shows. */
async function drawWorst(
  path: string,
  setting: Setting,
  files: readonly CaseFile[],
  cases: readonly AnnotatedCase[],
  rng: Rng,
): Promise<void> {
  const chosen = worstCases(cases, WORST);
  await atomicWrite(path, encodePicture(drawCases(await watchCases(chosen, setting, files, rng))));
  const rows = chosen.map(({ dataset, structure, name, annotations: [annotation] }, i) => {
    const dices = [1, 3, annotation.length].map((n) => annotation[Math.min(n, annotation.length) - 1].dice.toFixed(3));
    return [`row ${i + 1}`, `${dataset}/${structure}/${name}`, ...dices, String(annotation.length)];
  });
  console.error(aligned([["", "case", "dice@1", "dice@3", "at last", "interactions"], ...rows]));
}

/** Every model as asked; the first also under the controls. */
async function settingsOf(proposers: readonly Proposer[], options: ImageOptions): Promise<Setting[]> {
  const { count, step: steps, features, opening, pen, blank, single } = options;
  const asked = await Promise.all(
    proposers.map(async (proposer, i): Promise<Setting> => {
      const encoder = features ? await encoderFor(proposer) : null;
      const name = proposers.length === 1 ? proposer.name : `${i + 1} ${proposer.name}`;
      return { name, proposer, count, steps, encoder, opening, pen, isBlank: false };
    }),
  );
  const [first] = asked;
  return [
    ...asked,
    ...(single ? [{ ...first, name: "one candidate", count: 1 }] : []),
    ...(blank ? [{ ...first, name: "blank image", isBlank: true }] : []),
  ];
}

function asJson(
  settings: readonly Setting[],
  groups: readonly GroupReport[],
  { cases, tooSmall, refused }: Annotations,
  { limit, size, seed, count, step, opening, pen, datasets, split }: ImageOptions,
) {
  const byName = (reports: readonly AnnotationReport[], of: readonly Setting[]) =>
    Object.fromEntries(reports.map((report, i) => [of[i].name, report]));
  return {
    settings: settings.map(({ name, count: k, steps, encoder, isBlank }) => ({
      ...{ name, count: k, steps, features: encoder !== null, isBlank },
    })),
    ...{ limit, size, seed, count, step, opening, pen, datasets, split: split ?? null, tooSmall, refused },
    groups: groups.map(({ group, cases: number, settings: reports, differences }) => ({
      group,
      cases: number,
      settings: byName(reports, settings),
      firstMinus: byName(differences, settings.slice(1)),
    })),
    cases: cases.map(({ annotations, ...names }) => ({
      ...names,
      annotations: Object.fromEntries(annotations.map((annotation, s) => [settings[s].name, annotation])),
    })),
  };
}

function asText(settings: readonly Setting[], groups: readonly GroupReport[]): string {
  const rows = groups.flatMap(({ group, cases, settings: reports, differences }) => [
    ...reports.map((report, s) => [
      group,
      String(cases),
      settings[s].name,
      ...MEASURES.map((name) => cell(name, report[name])),
    ]),
    ...differences.map((report, s) => [
      group,
      String(cases),
      `first - ${settings[s + 1].name}`,
      ...MEASURES.map((name) => signedCell(name, report[name])),
    ]),
  ]);
  const meanings = MEASURES.map((name) => [name, ANNOTATION_MEASURES[name]]);
  return `${aligned([["data", "cases", "setting", ...MEASURES], ...rows])}\n\n${aligned(meanings)}`;
}

function cell(name: AnnotationMeasure, { value, low, high }: Estimate): string {
  const digits = digitsOf(name);
  const interval = ` [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
  return value.toFixed(digits) + (WITH_INTERVAL.includes(name) ? interval : "");
}

function signedCell(name: AnnotationMeasure, { value, low, high }: Estimate): string {
  const signed = (number: number) => (number < 0 ? "" : "+") + number.toFixed(digitsOf(name));
  return signed(value) + (WITH_INTERVAL.includes(name) ? ` [${signed(low)}, ${signed(high)}]` : "");
}

function digitsOf(name: AnnotationMeasure): number {
  if (name === "noi") return 2;
  return name === "seconds" || name === "ink" ? 1 : 3;
}
