/**
 * Scenes painted with what real images look like: the ground is a real image or a piece of one, and things have textures from other ones. What is
 * painted plainly (`appearance.ts`) teaches that things of a kind look alike, and hardly carries over to images of tissue.
 *
 *   textures   one for the ground, two for the things
 *   looks      a level and a strength of texture each; a thing's core and rim differ from its body, and its body, mostly, from the ground
 *   image      the ground shines through the things of some scenes; edges are softened, noise is added
 */
import { blurredWith, type Rng } from "../core/index.ts";
import { GROUNDS, LAYERS, LOOKS, type Scene } from "./scenes.ts";

/**
 * A piece of some real image, [size, size] intensities in [0, 1].
 *
 * @param share  its side, as a share of the image's longer side
 */
export type ReadTexture = (rng: Rng, share: number) => Float32Array;

/** Share of scenes whose ground is most of a real image, and not pieces of different lightness. */
const REAL_GROUND = 0.4;
/** Lightness by which a body mostly differs from the ground. */
const LEAST_CONTRAST = 0.12;
const MOST_CONTRAST = 0.4;
/** Deviations from its mean at which a texture ends: bone in a CT would outshine everything. */
const BRIGHTEST = 3;

interface Look {
  readonly level: number;
  readonly grain: number;
  readonly texture: Float32Array;
}

/** @returns [size, size], intensities in [0, 1] */
export function paintScene(rng: Rng, { looks }: Scene, size: number, readTexture: ReadTexture): Float32Array {
  const isReal = rng.uniform() < REAL_GROUND;
  const ground = standardised(readTexture(rng, isReal ? rng.between(0.6, 1) : rng.between(0.15, 0.6)));
  const textures = Array.from({ length: 2 }, () => standardised(readTexture(rng, rng.between(0.1, 0.6))));
  const level = rng.between(0.2, 0.8);
  const grain = isReal ? rng.between(0.12, 0.25) : rng.between(0.04, 0.2);
  const styles: Look[] = [];
  for (let k = 0; k < GROUNDS; k++)
    styles.push({ level: level + (isReal ? 0 : 0.12 * rng.normal()), grain, texture: ground });
  while (styles.length < LOOKS) {
    const body = drawBody(rng, level, textures);
    for (let layer = 0; layer < LAYERS; layer++)
      styles.push(layer === 1 ? body : { ...body, level: body.level + rng.between(-0.25, 0.25) });
  }
  const through = rng.uniform() < 0.5 ? grain * rng.between(0, 0.8) : 0;
  const sharp = Float32Array.from(looks, (look, i) => {
    const { level: base, grain: strength, texture } = styles[look];
    return base + strength * texture[i] + (look < GROUNDS ? 0 : through * ground[i]);
  });
  const image = blurredWith(sharp, { width: size, height: size }, rng.between(0.4, 1.3));
  const noise = rng.between(0, 0.04);
  return image.map((value) => Math.min(1, Math.max(0, value + noise * rng.normal())));
}

function drawBody(rng: Rng, ground: number, textures: readonly Float32Array[]): Look {
  const drawn = rng.between(0.1, 0.9);
  const isLikeGround = Math.abs(drawn - ground) < LEAST_CONTRAST && rng.uniform() < 0.7;
  const apart = (rng.uniform() < 0.5 ? -1 : 1) * rng.between(LEAST_CONTRAST, MOST_CONTRAST);
  return {
    level: isLikeGround ? ground + apart : drawn,
    grain: rng.between(0.03, 0.2),
    texture: textures[rng.below(textures.length)],
  };
}

/** With mean 0 and deviation 1; all 0 where it is flat. */
function standardised(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const deviation = Math.max(Math.sqrt(variance), 1e-3);
  return values.map((value) => Math.min(BRIGHTEST, Math.max(-BRIGHTEST, (value - mean) / deviation)));
}
