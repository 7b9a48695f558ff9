/** How images look: random changes of contrast, noise and sharpness, and images painted from label maps. */
import { blurredWith, type Grid, type Rng } from "../core/index.ts";

/** Changes that a scanner, a stain or a screen might make. @param image  [H, W] in [0, 1], changed in place */
export function changeAppearance(rng: Rng, image: Float32Array, grid: Grid, strength: number): void {
  const chance = (share: number) => rng.uniform() < share * strength;
  if (chance(0.5)) {
    const gamma = Math.exp(0.5 * rng.normal());
    for (let i = 0; i < image.length; i++) image[i] = Math.max(0, image[i]) ** gamma;
  }
  if (chance(0.25)) for (let i = 0; i < image.length; i++) image[i] = 1 - image[i];
  if (chance(0.3)) addSmooth(rng, image, grid, 3, rng.between(0.05, 0.3));
  if (chance(0.25)) image.set(blurredWith(image, grid, rng.between(0.4, 1.3)));
  if (chance(0.35)) {
    const deviation = rng.between(0.01, 0.1);
    for (let i = 0; i < image.length; i++) image[i] += deviation * rng.normal();
  }
  if (chance(0.3)) {
    const [low, high] = [rng.between(0, 0.2), rng.between(0.8, 1)];
    for (let i = 0; i < image.length; i++) image[i] = (image[i] - low) / (high - low);
  }
  for (let i = 0; i < image.length; i++) image[i] = Math.min(1, Math.max(0, image[i]));
}

/**
 * An image of a label map: each label has an intensity and a texture of its own; edges are softened, light varies, noise is added.
 *
 * @param labels  [H, W]
 * @returns       [H, W] in [0, 1]
 */
export function paint(rng: Rng, labels: Uint8Array, grid: Grid): Float32Array {
  const textures = Array.from({ length: 3 }, () => texture(rng, grid));
  const looks = Array.from({ length: 256 }, () => ({
    level: rng.between(0.05, 0.95),
    grain: rng.uniform() < 0.6 ? rng.between(0, 0.2) : 0,
    texture: textures[rng.below(textures.length)],
  }));
  let image: Float32Array = Float32Array.from(
    labels,
    (label, i) => looks[label].level + looks[label].grain * looks[label].texture[i],
  );
  if (rng.uniform() < 0.8) image = blurredWith(image, grid, rng.between(0.4, 1.4));
  if (rng.uniform() < 0.5) addSmooth(rng, image, grid, 3, rng.between(0.05, 0.25));
  const deviation = rng.between(0, 0.08);
  for (let i = 0; i < image.length; i++) image[i] = Math.min(1, Math.max(0, image[i] + deviation * rng.normal()));
  return image;
}

/** Noise of deviation about 1 at a random scale, now and then drawn out in one direction. */
function texture(rng: Rng, grid: Grid): Float32Array {
  const noise = rng.normals(grid.width * grid.height);
  const sigma = rng.between(0.5, 4);
  const smooth = blurredWith(noise, grid, sigma);
  // Blurring white noise divides its deviation by about 2 sigma sqrt(pi).
  return smooth.map((value) => value * 2 * sigma * Math.sqrt(Math.PI));
}

/** Adds a smooth field of the given deviation, as uneven light or a coil would. */
function addSmooth(rng: Rng, image: Float32Array, { width, height }: Grid, cells: number, deviation: number): void {
  const points = cells + 1;
  const noise = rng.normals(points * points);
  for (let y = 0; y < height; y++) {
    const v = (y * cells) / height;
    const [row, down] = [Math.floor(v), v - Math.floor(v)];
    for (let x = 0; x < width; x++) {
      const u = (x * cells) / width;
      const [column, right] = [Math.floor(u), u - Math.floor(u)];
      const k = row * points + column;
      const upper = noise[k] + right * (noise[k + 1] - noise[k]);
      const lower = noise[k + points] + right * (noise[k + points + 1] - noise[k + points]);
      image[y * width + x] += deviation * (upper + down * (lower - upper));
    }
  }
}
