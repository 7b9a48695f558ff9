/** A run that takes seconds: the paper's networks, few images, few steps. */
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type PaperConfig, sha256 } from "../../src/train/index.ts";

export const TINY: PaperConfig = {
  name: "tiny",
  kind: "paper",
  seed: 1,
  steps: 12,
  batch: 2,
  checkpointEvery: 4,
  data: {
    images: 6,
    seed: 3,
    disks: {
      size: 32,
      disks: 3,
      radius: [5, 9],
      background: [0, 0],
      intensity: [0.2, 1],
      contrast: 0.1,
      noise: 0.02,
    },
    pairs: { labels: 16, given: [1, 4], added: [3, 8] },
  },
  loss: { beta0: 1, beta1: 0.001 },
  optimiser: {
    learningRate: 0.001,
    schedule: "cosine",
    warmup: 2,
    floor: 0.02,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
    clipNorm: null,
    average: 0.9,
  },
};

/** A folder for runs, to be removed by whoever asked for it. */
export function placeForRuns(): Promise<string> {
  return mkdtemp(join(tmpdir(), "tendril-train-"));
}

/** Every file below `folder`: path to SHA-256. */
export async function filesOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = async (path: string) => [relative(folder, path), sha256(await readFile(path))] as const;
  return Object.fromEntries(await Promise.all(paths.sort().map(hash)));
}

/** What two runs of the same configuration must have in common, byte for byte: all but the account of the machine. */
export async function resultOf(folder: string): Promise<Record<string, string>> {
  const { "environment.json": _, ...rest } = await filesOf(folder);
  return rest;
}
