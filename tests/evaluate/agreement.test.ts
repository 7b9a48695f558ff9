/**
 * The annotator here and the one of the peers' harness, on the same cases with the same method (`toy-method.mjs`): they differ in their
 * random strokes alone, so they must agree within the noise of those.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { caseOf, type HarnessSession, interactionsOf, parseSessions } from "../../bench/agreement.ts";
import { Rng } from "../../src/core/index.ts";
import {
  annotate,
  estimate,
  findCases,
  type Interaction,
  type Method,
  measureAnnotation,
  type Pen,
  readCase,
} from "../../src/evaluate/index.ts";
import { buildCommands, root } from "../built.ts";

const DATA = join(root, "..", "shared", "data");
const HARNESS = join(root, "..", "shared", "bench", "peers", "run.py");
const PYTHON = "/usr/bin/python3";
const DATASETS = ["busi_breast_us", "gbm_nuclei_histology", "pap_smear"];
/** A data set. */
const CASES = 12;
/** Annotations of ours for each of the harness's, so that the noise is that of the harness's strokes. */
const REPEATS = 4;
const COMPARED = ["dice@1", "dice@3", "dice@10", "auc", "noi", "seconds", "ink", "picks"] as const;

/** Why the comparison cannot be made here, or null. */
function hindrance(): string | null {
  if (!existsSync(DATA) || !existsSync(HARNESS))
    return "the shared data or the peers' harness are not beside the checkout";
  const imports = spawnSync(PYTHON, ["-c", "import cv2, numpy, scipy, skimage"]);
  return imports.status === 0 ? null : `${PYTHON} lacks numpy, scipy, OpenCV or scikit-image`;
}

/** Sessions of the harness with the toy method. */
async function harnessSessions(pen: Pen): Promise<HarnessSession[]> {
  const folder = await mkdtemp(join(tmpdir(), "tendril-agreement-"));
  try {
    const out = join(folder, "sessions.json");
    const external = `toy='${process.execPath}' '${join(root, "tests", "evaluate", "toy-method.mjs")}' ${pen}`;
    const args = ["--data", DATA, "--datasets", DATASETS.join(), "--limit", String(CASES), "--seed", "0"];
    const { status, stderr } = spawnSync(
      PYTHON,
      [HARNESS, ...args, "--methods", "", "--external", external, "--out", out],
      { encoding: "utf8" },
    );
    expect(status, stderr).toBe(0);
    return parseSessions(readFileSync(out, "utf8"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test.for(["scribble", "brush"] as const)(
  "both annotators measure the same within noise, from the same pixels: %s",
  { timeout: 600_000 },
  async (pen, context) => {
    const why = hindrance();
    if (why) return context.skip(why);
    buildCommands();
    const path = "./toy-method.mjs";
    const { toyMethod } = (await import(path)) as { toyMethod: (pen: Pen) => Method };
    const files = await findCases(DATA, { datasets: DATASETS, split: null });
    const apart: Apart[] = [];
    for (const session of await harnessSessions(pen)) {
      const file = files.find((one) => caseOf(one) === session.case)!;
      const task = (await readCase(file))!;
      // A pixel that is half inside may fall either way.
      const area = task.truth.reduce((sum, value) => sum + value, 0);
      expect(Math.abs(area - session.area), session.case).toBeLessThanOrEqual(2);
      const theirs = measuresOf(interactionsOf(session));
      const image = `${file.dataset}/${file.name}`;
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        const rng = Rng.seeded(repeat).at(session.case);
        const ours = measuresOf(await annotate(toyMethod(pen), task, rng, 8));
        apart.push({ image, by: ours.map((value, i) => value - theirs[i]) });
      }
    }
    expect(apart.length).toBeGreaterThan(24 * REPEATS);
    const images = [...new Set(apart.map(({ image }) => image))];
    for (const [i, name] of COMPARED.entries()) {
      const shares = images.map((image) => {
        const values = apart.filter((one) => one.image === image).map(({ by }) => by[i]);
        return { total: values.reduce((sum, value) => sum + value, 0), count: values.length };
      });
      const { value, low, high } = estimate(shares, Rng.seeded(1));
      // The 95 % interval times 1.7 is one of 99.9 %: chance alone hardly ever fails the test.
      expect(Math.abs(value), `${name} differs by ${value} [${low}, ${high}]`).toBeLessThan((1.7 * (high - low)) / 2);
      // Narrow enough to see a difference that matters.
      if (name === "auc") expect(high - low).toBeLessThan(0.05);
    }
  },
);

interface Apart {
  readonly image: string;
  /** Ours minus theirs, in the order of COMPARED. */
  readonly by: readonly number[];
}

/** In the order of COMPARED. */
function measuresOf(interactions: readonly Interaction[]): number[] {
  const measured = measureAnnotation(interactions);
  const picks = interactions.filter(({ action }) => action === "pick").length;
  return COMPARED.map((name) => (name === "picks" ? picks : measured[name]));
}
