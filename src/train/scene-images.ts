/** Scenes painted with textures of the training images (`synth/scene-textures.ts`): images with masks like any other, so that the encoder sees them too. */
import { type Grid, Rng } from "../core/index.ts";
import { drawScene, MANY, paintScene } from "../synth/index.ts";
import { readValues, type View } from "./view.ts";

/** The data set that they are. */
export const SCENES = "painted-scenes";
/** Masks that hold a smaller or larger share of the image are left out. */
const LEAST_AREA = 0.004;
const MOST_AREA = 0.6;
/** Deviation of intensities, of 255, below which a piece of an image is flat and another one is read. */
const FLAT = 5;
const TRIES = 20;

export interface GrayImage extends Grid {
  readonly values: Uint8Array;
}

export interface SceneImage extends GrayImage {
  readonly name: string;
  readonly masks: readonly { readonly structure: string; readonly inside: Uint8Array }[];
}

/**
 * @param number   of the scene, which fixes it
 * @param size     of its sides, in pixels
 * @param sources  what textures are read from; at least one
 */
export function sceneImage(number: number, size: number, sources: readonly GrayImage[]): SceneImage {
  const rng = Rng.seeded(number).at(SCENES);
  const scene = drawScene(rng.at("scene"), size, MANY);
  const painted = paintScene(rng.at("paint"), scene, size, (own, share) => pieceOf(own, share, size, sources));
  const kinds = [...new Set(scene.kinds)].filter((kind) => kind > 0).sort((a, b) => a - b);
  const masks = kinds.map((kind) => ({
    structure: `kind-${kind}`,
    inside: scene.kinds.map((value) => Number(value === kind)),
  }));
  const isFit = ({ inside }: { inside: Uint8Array }) => {
    const area = inside.reduce((sum, value) => sum + value, 0) / inside.length;
    return area >= LEAST_AREA && area <= MOST_AREA;
  };
  const values = Uint8Array.from(painted, (value) => Math.round(255 * value));
  return { width: size, height: size, name: `scene${number}`, values, masks: masks.filter(isFit) };
}

/** A square piece of a random image at a random place, turned by right angles and mirrored at random. */
function pieceOf(rng: Rng, share: number, size: number, sources: readonly GrayImage[]): Float32Array {
  for (let k = 0; ; k++) {
    const source = sources[rng.below(sources.length)];
    const side = share * Math.max(source.width, source.height);
    const middle = (length: number) => rng.between(Math.min(side, length) / 2, length - Math.min(side, length) / 2);
    const [x, y] = [middle(source.width), middle(source.height)];
    const mirror = rng.uniform() < 0.5 ? -side : side;
    const isTurned = rng.uniform() < 0.5;
    const view: View = isTurned ? { x: [0, side, x], y: [mirror, 0, y] } : { x: [mirror, 0, x], y: [0, side, y] };
    const values = readValues(view, size, source.values, 0, source, 0);
    if (k === TRIES || deviationOf(values) >= FLAT) return values.map((value) => value / 255);
  }
}

function deviationOf(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
