/** Settings of a method, each set to the same cases with the same annotator: what they reach, and how they differ. */
import { type Image, type Rng, TendrilError } from "../core/index.ts";
import type { ImageFeatures, Proposer } from "../model/index.ts";
import {
  type AnnotationMeasure,
  differences,
  type MeasuredCase,
  measureAnnotation,
  summarise,
} from "./annotation-measures.ts";
import { annotate, type Interaction } from "./annotator.ts";
import type { Estimate } from "./bootstrap.ts";
import { type Opening, type Pen, proposerMethod } from "./method.ts";
import { blanked, type CaseFile, type RealCase, readCase } from "./real-images.ts";

/** How a model is asked. */
export interface Setting {
  readonly name: string;
  readonly proposer: Proposer;
  /** Most candidates. */
  readonly count: number;
  /** As in `MethodOptions`. */
  readonly steps: readonly number[];
  readonly encoder: Uint8Array | null;
  readonly opening: Opening;
  readonly pen: Pen;
  /** The image is gray all over: what is known without looking. */
  readonly isBlank: boolean;
}

/** One case under every setting. */
export interface AnnotatedCase extends Pick<RealCase, "dataset" | "structure" | "name"> {
  /** One annotation a setting. */
  readonly annotations: readonly (readonly Interaction[])[];
}

export interface Annotations {
  readonly cases: readonly AnnotatedCase[];
  /** Cases whose structure is too small. */
  readonly tooSmall: number;
  /** Cases whose files could not be read, and why. */
  readonly refused: readonly string[];
}

/** @param rng  gives each case its own strokes, alike in every setting until the answers differ */
export async function annotateAll(
  settings: readonly Setting[],
  files: readonly CaseFile[],
  rng: Rng,
  onCase: (done: number) => void = () => undefined,
): Promise<Annotations> {
  const kept = new Map(settings.map(({ proposer }) => [proposer, keepingFeatures(proposer)]));
  const asked = settings.map((setting) => ({ ...setting, proposer: kept.get(setting.proposer)! }));
  const cases: AnnotatedCase[] = [];
  const refused: string[] = [];
  let tooSmall = 0;
  for (const [i, file] of files.entries()) {
    onCase(i);
    const one = await readCase(file).catch((error: unknown) => {
      if (!(error instanceof TendrilError)) throw error;
      refused.push(error.message);
      return undefined;
    });
    if (one) cases.push(await annotateCase(asked, one, rng));
    else if (one === null) tooSmall++;
  }
  onCase(files.length);
  return { cases, tooSmall, refused };
}

/** The same proposer; it encodes an image once for settings that look at it one after another, which is most of their time. */
function keepingFeatures(proposer: Proposer): Proposer {
  let last: { readonly image: Image; readonly features: ImageFeatures } | null = null;
  return {
    ...proposer,
    async encode(image, encoder) {
      if (!last || !isSame(last.image, image)) last = { image, features: await proposer.encode(image, encoder) };
      return last.features;
    },
  };
}

function isSame(a: Image, b: Image): boolean {
  return a.width === b.width && a.height === b.height && a.data.every((value, i) => value === b.data[i]);
}

/** @param watch  as in `annotate`, under every setting */
export async function annotateCase(
  settings: readonly Setting[],
  one: RealCase,
  rng: Rng,
  watch?: (shown: Uint8Array) => void,
): Promise<AnnotatedCase> {
  const { dataset, structure, name } = one;
  const annotations: Interaction[][] = [];
  for (const { proposer, steps, encoder, opening, pen, count, isBlank } of settings) {
    const task = isBlank ? { ...one, image: blanked(one) } : one;
    const method = proposerMethod(proposer, { steps, encoder, opening, pen });
    annotations.push(await annotate(method, task, rng.at(`${dataset}/${structure}/${name}`), count, watch));
  }
  return { dataset, structure, name, annotations };
}

export type AnnotationReport = Readonly<Record<AnnotationMeasure, Estimate>>;

/** Of some cases. */
export interface GroupReport {
  /** A data set, or "overall". */
  readonly group: string;
  readonly cases: number;
  /** One a setting. */
  readonly settings: readonly AnnotationReport[];
  /** The first setting minus each of the others, paired by case. */
  readonly differences: readonly AnnotationReport[];
}

export const OVERALL = "overall";

/** By data set, then overall. @param cases  at least one */
export function reportAnnotations(cases: readonly AnnotatedCase[], rng: Rng): GroupReport[] {
  const datasets = [...new Set(cases.map(({ dataset }) => dataset))].sort();
  const groups = datasets.map((group) =>
    reportOf(
      group,
      cases.filter(({ dataset }) => dataset === group),
      rng,
    ),
  );
  return [...groups, reportOf(OVERALL, cases, rng)];
}

function reportOf(group: string, cases: readonly AnnotatedCase[], rng: Rng): GroupReport {
  const measured = cases[0].annotations.map((_, s) =>
    cases.map(
      ({ dataset, name, annotations }): MeasuredCase => ({
        image: `${dataset}/${name}`,
        measured: measureAnnotation(annotations[s]),
      }),
    ),
  );
  const [first, ...others] = measured;
  return {
    group,
    cases: cases.length,
    settings: measured.map((each) => summarise(each, rng.at(group))),
    differences: others.map((other) => summarise(differences(first, other), rng.at(group))),
  };
}
