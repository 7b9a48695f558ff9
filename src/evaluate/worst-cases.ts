/**
 * The cases that went worst, to be looked at: a row for each, in it the image and what was shown after 1, 3 and all interactions, inside
 * red; the outline of the truth is yellow in every tile.
 */
import type { Grid, PartialSegmentation, Rng } from "../core/index.ts";
import type { Picture } from "../image/index.ts";
import { type AnnotatedCase, annotateCase, type Setting } from "./annotation-experiment.ts";
import { measureAnnotation } from "./annotation-measures.ts";
import { drawTile } from "./figure.ts";
import { type CaseFile, type RealCase, readCase } from "./real-images.ts";

/** A case with what was shown to its annotator. */
export interface WatchedCase {
  readonly one: RealCase;
  /** [H, W] each, after every interaction */
  readonly shown: readonly Uint8Array[];
}

const ZOOM = 2;
const GAP = 6;
const OUTLINE = [255, 214, 0] as const;

/** Those with the smallest mean Dice under the first setting, the worst first. */
export function worstCases(cases: readonly AnnotatedCase[], count: number): AnnotatedCase[] {
  const auc = ({ annotations }: AnnotatedCase) => measureAnnotation(annotations[0]).auc;
  return cases.toSorted((a, b) => auc(a) - auc(b)).slice(0, count);
}

/**
 * Annotates them once more, as `annotateAll` did, and keeps what was shown.
 *
 * @param files  among them those of the cases
 * @param rng    the one that `annotateAll` was given
 */
export async function watchCases(
  cases: readonly AnnotatedCase[],
  setting: Setting,
  files: readonly CaseFile[],
  rng: Rng,
): Promise<WatchedCase[]> {
  const watched: WatchedCase[] = [];
  for (const { dataset, structure, name } of cases) {
    const file = files.find((one) => one.dataset === dataset && one.structure === structure && one.name === name);
    const one = file && (await readCase(file));
    if (!one) continue;
    const shown: Uint8Array[] = [];
    await annotateCase([setting], one, rng, (mask) => shown.push(mask));
    watched.push({ one, shown });
  }
  return watched;
}

/** @param cases  at least one */
export function drawCases(cases: readonly WatchedCase[]): Picture {
  const side = Math.max(...cases.map(({ one: { image } }) => Math.max(image.width, image.height))) * ZOOM;
  const width = GAP + 4 * (side + GAP);
  const height = GAP + cases.length * (side + GAP);
  const picture = { width, height, data: new Uint8Array(width * height * 3).fill(255) };
  for (const [row, { one, shown }] of cases.entries()) {
    const gray = Float32Array.from(one.image.data, (value) => value / one.image.maximum);
    const masks = [
      new Uint8Array(gray.length),
      ...[1, 3, shown.length].map((n) => shown[Math.min(n, shown.length) - 1]),
    ];
    for (const [column, mask] of masks.entries()) {
      const place = { left: GAP + column * (side + GAP), top: GAP + row * (side + GAP), zoom: ZOOM };
      drawTile(picture, place, gray, insideOnly(mask, one.image));
      drawOutline(picture, place, one.truth, one.image);
    }
  }
  return picture;
}

function insideOnly(mask: Uint8Array, { width, height }: Grid): PartialSegmentation {
  return { width, height, partialness: mask, segmentation: mask };
}

/** A line of one screen pixel along the sides that the mask's pixels share with the rest. */
function drawOutline(
  picture: Picture,
  { left, top, zoom }: { readonly left: number; readonly top: number; readonly zoom: number },
  mask: Uint8Array,
  { width, height }: Grid,
): void {
  const isInside = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] === 1;
  const sides = [
    [-1, 0],
    [1, 0],
    [0, -1],
    [0, 1],
  ] as const;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isInside(x, y)) continue;
      for (const [dx, dy] of sides) {
        if (isInside(x + dx, y + dy)) continue;
        for (let k = 0; k < zoom; k++) {
          const column = left + x * zoom + (dx === 0 ? k : dx < 0 ? 0 : zoom - 1);
          const row = top + y * zoom + (dy === 0 ? k : dy < 0 ? 0 : zoom - 1);
          picture.data.set(OUTLINE, 3 * (row * picture.width + column));
        }
      }
    }
  }
}
