/**
 * `npm run bench -- agreement`: the sessions that the peers' harness recorded of `tendril speak`, beside those of the annotator here on the
 * same cases with the same model. They differ in their random strokes alone.
 */
import { z } from "zod";
import { decoderReader, encoderFor, readModel } from "../src/cli/model.ts";
import { aligned } from "../src/cli/table.ts";
import { Rng, UsageError } from "../src/core/index.ts";
import { nodeRuntime } from "../src/engine/runtime-node.ts";
import {
  ANNOTATION_MEASURES,
  type AnnotationMeasure,
  type AnnotationReport,
  annotate,
  type CaseFile,
  differences,
  findCases,
  type Interaction,
  type MeasuredCase,
  measureAnnotation,
  proposerMethod,
  readCase,
  summarise,
} from "../src/evaluate/index.ts";
import { readText } from "../src/files/index.ts";
import { createProposer } from "../src/model/index.ts";

const SESSIONS_LIMIT = 256 * 2 ** 20;

/** What the harness writes with `--out`, as far as it is used. */
const session = z.object({
  /** dataset/structure/name */
  case: z.string(),
  /** Pixels of the truth. */
  area: z.number(),
  used: z.int().positive(),
  dice: z.array(z.number()),
  actions: z.array(z.string()),
  ink: z.array(z.number()),
});
const results = z.object({ sessions: z.array(session), failures: z.array(z.unknown()) });

export type HarnessSession = z.infer<typeof session>;

/** @param text  the harness's results @throws {UsageError} when it is something else, or a session failed */
export function parseSessions(text: string): HarnessSession[] {
  const { sessions, failures } = results.parse(JSON.parse(text));
  if (failures.length > 0) throw new UsageError(`${failures.length} sessions failed: ${JSON.stringify(failures[0])}.`);
  return sessions;
}

/** What the harness's annotator did, in our words. */
export function interactionsOf({ used, actions, ink, dice }: HarnessSession): Interaction[] {
  const named = (action: string) => {
    if (action.startsWith("pick")) return "pick";
    return action.endsWith("+") ? "stroke inside" : "stroke outside";
  };
  return Array.from({ length: used }, (_, i) => ({ action: named(actions[i]), ink: ink[i], dice: dice[i] }));
}

/** The case's name in the harness. */
export function caseOf({ dataset, structure, name }: CaseFile): string {
  return `${dataset}/${structure}/${name}`;
}

export interface AgreementResult {
  readonly cases: number;
  readonly harness: AnnotationReport;
  readonly ours: AnnotationReport;
  /** Ours minus the harness's, paired by case. */
  readonly difference: AnnotationReport;
}

/** @param file  the harness's results with this model as its only method */
export async function benchAgreement(file: string, data: string, model: string): Promise<AgreementResult> {
  const sessions = parseSessions(await readText(file, SESSIONS_LIMIT));
  const files = await findCases(data, { datasets: [], split: null });
  const proposer = await createProposer(await readModel(model), nodeRuntime(), decoderReader());
  const method = proposerMethod(proposer, { steps: [1], encoder: await encoderFor(proposer) });
  const harness: MeasuredCase[] = [];
  const ours: MeasuredCase[] = [];
  for (const [i, one] of sessions.entries()) {
    console.error(`${i + 1}/${sessions.length} ${one.case}`);
    const found = files.find((each) => caseOf(each) === one.case);
    const task = found && (await readCase(found));
    if (!found || !task) throw new UsageError(`${data} does not hold ${one.case}, which the harness has used.`);
    const image = `${found.dataset}/${found.name}`;
    harness.push({ image, measured: measureAnnotation(interactionsOf(one)) });
    const interactions = await annotate(method, task, Rng.seeded(0).at(one.case), 8);
    ours.push({ image, measured: measureAnnotation(interactions) });
  }
  await proposer.close();
  const rng = Rng.seeded(0).at("bootstrap");
  return {
    cases: sessions.length,
    harness: summarise(harness, rng),
    ours: summarise(ours, rng),
    difference: summarise(differences(ours, harness), rng),
  };
}

export function agreementTable({ cases, harness, ours, difference }: AgreementResult): string {
  const rows = (Object.keys(ANNOTATION_MEASURES) as AnnotationMeasure[]).map((name) => {
    const { value, low, high } = difference[name];
    const interval = `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
    return [name, harness[name].value.toFixed(3), ours[name].value.toFixed(3), interval];
  });
  return `${cases} cases\n${aligned([["measure", "harness", "ours", "difference [95 % interval]"], ...rows])}`;
}
