/** A folder of images with masks as `tendril train --data` takes it: 8 images of 4 subjects, 2 structures; made in a moment. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Rng } from "../../src/core/index.ts";
import { encodeLabels } from "../../src/image/index.ts";
import type { GeneralConfig } from "../../src/train/index.ts";
import { TINY } from "./tiny.ts";

export const SIDE = { width: 48, height: 40 } as const;

export const ALL_IMAGES = { leaveOut: [], imagesPerDataset: null } as const;

/** Two cycles of sessions: a run of a few seconds. */
export const TINY_GENERAL: GeneralConfig = {
  ...TINY,
  name: "tiny-general",
  kind: "general",
  steps: 48,
  batch: 2,
  checkpointEvery: 24,
  data: {
    leaveOut: [],
    imagesPerDataset: null,
    painted: 0.2,
    random: 0.1,
    scenes: 0.1,
    regions: 0.1,
    found: 0,
    withoutFeatures: 0.3,
    appearance: 0.8,
  },
  model: { size: 32, widths: [4, 6, 8, 10, 12], features: 0, latent: 3 },
  loss: { beta0: 0.3, betaKl: 0.02, betaMean: 1, betaBest: 1, draws: 2 },
};

/** @returns [H, W], the gray image of a bright and a dim disk, and the two disks */
export function madeScene(seed: number) {
  const rng = Rng.seeded(seed);
  const disks = [0, 1].map((k) => {
    const [x, y, radius] = [10 + 24 * k + rng.between(0, 4), rng.between(14, 26), rng.between(6, 9)];
    return Uint8Array.from({ length: SIDE.width * SIDE.height }, (_, i) =>
      Number(Math.hypot((i % SIDE.width) - x, Math.floor(i / SIDE.width) - y) <= radius),
    );
  });
  const image = Uint8Array.from(disks[0], (bright, i) => 60 + 120 * bright + 60 * disks[1][i] + rng.below(20));
  return { image, disks };
}

/** Writes `<dataset>/images`, `<dataset>/masks/bright` and `dim`, and `<dataset>/labels`. */
export async function writeData(folder: string, dataset = "disks"): Promise<void> {
  for (let k = 0; k < 8; k++) {
    const name = `subject${k >> 1}__${k % 2}.png`;
    const { image, disks } = madeScene(k);
    await put(join(folder, dataset, "images", name), encodeLabels(image, SIDE));
    await put(join(folder, dataset, "masks", "bright", name), encodeLabels(disks[0].map(white), SIDE));
    await put(join(folder, dataset, "masks", "dim", name), encodeLabels(disks[1].map(white), SIDE));
  }
  const { disks } = madeScene(9);
  await put(
    join(folder, dataset, "labels", "map.png"),
    encodeLabels(
      disks[0].map((value, i) => value + 2 * disks[1][i]),
      SIDE,
    ),
  );
}

/** A file with the folders above it. */
export async function put(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

const white = (value: number) => 255 * value;
