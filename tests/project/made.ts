/** Annotations made up for the tests: a small image on disk and reproducible work on it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import { onTestFinished } from "vitest";
import { type Box, emptyPartial, type Grid, Rng, type Stroke } from "../../src/core/index.ts";
import {
  type Action,
  annotationOf,
  boxDelta,
  emptyHistory,
  FIRST,
  type History,
  type JournalHeader,
  type Mark,
  named,
  perform,
  strokeDelta,
  takeDelta,
} from "../../src/project/index.ts";

export const GRID = { width: 40, height: 30 };
export const HEADER: JournalHeader = { tendril: 1, image: "scan.png", ...GRID, sha256: "ab".repeat(32) };

const MARKS: readonly Mark[] = ["inside", "outside", "undecided"];

export function randomStroke(rng: Rng): Stroke {
  const point = () => [rng.between(-5, GRID.width + 5), rng.between(-5, GRID.height + 5)] as const;
  return { points: Array.from({ length: 1 + rng.below(4) }, point), width: 1 + rng.below(9) };
}

/** Somewhere on the grid, of 2 x 2 pixels at least. */
export function randomBox(rng: Rng, grid: Grid): Box {
  const [x, y] = [rng.below(grid.width - 1), rng.below(grid.height - 1)];
  return { x, y, width: 2 + rng.below(grid.width - x - 1), height: 2 + rng.below(grid.height - y - 1) };
}

/** What a person might do next: strokes, boxes, candidates, undo and redo. */
export function nextAction(history: History, rng: Rng, at: number, label = FIRST): Action {
  const kind = (["scribble", "brush", "erase", "box", "take", "take", "undo", "redo"] as const)[rng.below(8)];
  if (kind === "undo" || kind === "redo") return { kind, at };
  const annotation = annotationOf(history, label);
  if (kind === "box") {
    const box = randomBox(rng, GRID);
    return { kind, box, ...named(label), delta: boxDelta(annotation, box), at };
  }
  if (kind === "take") {
    const candidate = emptyPartial({ width: 12, height: 12 });
    candidate.partialness.forEach((_, i) => {
      candidate.partialness[i] = rng.below(2);
      candidate.segmentation[i] = candidate.partialness[i] * rng.below(2);
    });
    const place = { x: rng.below(GRID.width - 11), y: rng.below(GRID.height - 11) };
    const delta = takeDelta(annotation, candidate, place);
    const step = (1 + rng.below(4)) / 4;
    const taken = { model: "paper", seed: at, place: 1, offered: 4, support: 0.5, step, features: step < 1 };
    return { kind, candidate: taken, ...named(label), delta, at };
  }
  const stroke = randomStroke(rng);
  const mark = kind === "erase" ? "undecided" : MARKS[rng.below(3)];
  return { kind, mark, stroke, ...named(label), delta: strokeDelta(annotation, stroke, mark), at };
}

/** The first `count` actions of the session with this seed, and what they lead to. @param labels  what changes name, by chance */
export function session(
  seed: number,
  count: number,
  labels: readonly number[] = [FIRST],
): { actions: Action[]; history: History } {
  const history = emptyHistory(GRID);
  const actions: Action[] = [];
  for (let i = 0; i < count; i++) {
    const label = labels[Rng.seeded(seed).at("label").at(i).below(labels.length)];
    actions.push(nextAction(history, Rng.seeded(seed).at(i), i, label));
    perform(history, actions[i]);
  }
  return { actions, history };
}

export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tendril-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export function imageBytes({ width, height } = GRID, seed = 1): Uint8Array {
  const rng = Rng.seeded(seed);
  const data = Uint8Array.from({ length: width * height }, () => rng.below(256));
  return encode({ width, height, depth: 8, channels: 1, data });
}

export async function folderWithImage(name = "scan.png"): Promise<{ folder: string; image: string }> {
  const path = await folder();
  const image = join(path, name);
  await writeFile(image, imageBytes());
  return { folder: path, image };
}
