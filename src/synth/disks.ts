/** Images of disks with random place, radius and intensity: the paper's data (section 3, "Data"). */
import { type Rng, UsageError } from "../core/index.ts";

export interface DiskOptions {
  /** Height and width of the image in pixels. */
  readonly size: number;
  readonly disks: number;
  /** Range of radii in pixels. */
  readonly radius: readonly [number, number];
  /** Range of the background's intensity. */
  readonly background: readonly [number, number];
  /** Range of the disks' intensities. */
  readonly intensity: readonly [number, number];
  /** Least difference in intensity between a disk and the background, and between two disks. */
  readonly contrast: number;
  /** Standard deviation of the noise added to every pixel. */
  readonly noise: number;
}

export const DISKS: DiskOptions = {
  size: 32,
  disks: 3,
  radius: [10, 14],
  background: [0, 0],
  intensity: [0.2, 1],
  contrast: 0.1,
  noise: 0.02,
};

export interface DiskImage {
  /** [H, W], intensities in [0, 1] */
  readonly image: Float32Array;
  /** One mask a disk, [H, W], 0 or 1; a later disk hides what lies under it, so that they are disjoint. */
  readonly disks: readonly Uint8Array[];
}

/** Share of a disk's own area that must stay visible, so that each of them is worth segmenting. */
const VISIBLE = 0.5;

const ATTEMPTS = 1000;

/** @throws {UsageError} when so many disks of that size or contrast can't be had in one image */
export function makeDiskImage(rng: Rng, options: DiskOptions): DiskImage {
  const { size, disks: count, radius, intensity, contrast } = options;
  // Every level keeps others out of a range of twice the contrast; when those cover all intensities, the next may find no place.
  if (2 * count * contrast >= intensity[1] - intensity[0])
    throw new UsageError(
      `${count} disks with a contrast of ${contrast} don't fit between the intensities ${intensity[0]} and ${intensity[1]}. ` +
        "Choose a lower contrast, fewer disks, or a wider range: more than 2 x disks x contrast.",
    );
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const disks = placeDisks(rng, options);
    if (disks) return { image: paint(rng, disks, options), disks };
  }
  throw new UsageError(
    `${ATTEMPTS} times, ${count} disks of radius ${radius[0]} to ${radius[1]} hid one another in ${size}x${size} pixels. Choose fewer or smaller disks.`,
  );
}

/** The fixed set of a split: image i depends on the seed, the split and i only. */
export function makeDiskSet(rng: Rng, split: "train" | "heldout", count: number, options: DiskOptions): DiskImage[] {
  return Array.from({ length: count }, (_, i) => makeDiskImage(rng.at(split).at(i), options));
}

/** Null when a disk hides more than half of another. */
function placeDisks(rng: Rng, { size, disks: count, radius }: DiskOptions): Uint8Array[] | null {
  const owner = new Uint8Array(size * size);
  const full: number[] = [];
  for (let disk = 1; disk <= count; disk++) {
    const r = rng.between(radius[0], radius[1]);
    // The centre keeps half a radius from the edge, so that most of the disk lies in the image.
    const x = rng.between(r / 2, size - 1 - r / 2);
    const y = rng.between(r / 2, size - 1 - r / 2);
    let area = 0;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        if ((j - x) * (j - x) + (i - y) * (i - y) > r * r) continue;
        owner[i * size + j] = disk;
        area++;
      }
    }
    full.push(area);
  }
  const masks = full.map((_, disk) => owner.map((value) => (value === disk + 1 ? 1 : 0)));
  const visible = masks.map((mask) => mask.reduce((total, value) => total + value, 0));
  return visible.every((area, disk) => area >= VISIBLE * full[disk]) ? masks : null;
}

function paint(
  rng: Rng,
  disks: readonly Uint8Array[],
  { size, background, intensity, contrast, noise }: DiskOptions,
): Float32Array {
  const levels = [rng.between(...background)];
  while (levels.length <= disks.length) {
    const level = rng.between(...intensity);
    if (levels.every((other) => Math.abs(other - level) >= contrast)) levels.push(level);
  }
  const image = new Float32Array(size * size).fill(levels[0]);
  for (const [d, disk] of disks.entries()) {
    for (let i = 0; i < image.length; i++) if (disk[i]) image[i] = levels[d + 1];
  }
  for (let i = 0; i < image.length; i++) image[i] = Math.min(1, Math.max(0, image[i] + noise * rng.normal()));
  return image;
}
