/** What is worked on: an image, or one slice of a volume, for one label. Tools, view, gallery and model know nothing else. */
import type { Box, Image } from "../core/index.ts";
import { type Annotation, BOXED, BY_HAND, INSIDE, SEGMENTED, type SlicePlace } from "../project/annotation.ts";
import { MaskTiles } from "./mask-tiles.ts";
import { type Level, lazyPyramid } from "./pyramid.ts";
import { AZURE, labelStyle, otherStyle } from "./styles.ts";
import type { Pixels } from "./view.ts";

/** A label's part of what is shown. */
interface Layer {
  /** Of this sheet's pixels; of a slice it is a copy that follows the volume's. */
  readonly annotation: Annotation;
  readonly labels: MaskTiles;
}

export interface Sheet extends Pixels, Layer {
  readonly image: Image;
  readonly levels: readonly Level[];
  /** The labels that are not worked on, by what their changes name. */
  readonly others: ReadonlyMap<number, Layer>;
  /** Of a slice */
  readonly place?: SlicePlace;
}

/** What a change on the sheet says of its place: nothing for an image. */
export function placeOn({ place }: Sheet): { slice?: SlicePlace } {
  return place ? { slice: place } : {};
}

export interface SheetOptions {
  readonly aspect?: number;
  readonly levels?: readonly Level[];
  readonly place?: SlicePlace;
  readonly color?: string;
  /** `label` is what their changes name. */
  readonly others?: readonly { readonly label: number; readonly annotation: Annotation; readonly color: string }[];
}

export function sheetOf(image: Image, annotation: Annotation, more: SheetOptions = {}): Sheet {
  const { width, height } = image;
  const { data } = annotation;
  // Most slices of a volume have no labels, and are gone through quickly.
  const isBlank = (bytes: Uint8Array) => () => more.place !== undefined && isZero(bytes);
  const labels = new MaskTiles(
    image,
    (x, y) => {
      const value = data[y * width + x];
      if (value & INSIDE) return 1;
      // Beyond a box the image stays as clear as it is: the box's own line says enough.
      if (value & BY_HAND) return value & BOXED ? 0 : 2;
      // On a slice, what candidates on slices of other planes left outside would be lines that mean nothing here.
      return value & SEGMENTED && !more.place ? 4 : 0;
    },
    labelStyle(more.color ?? AZURE),
    isBlank(data),
  );
  const others = (more.others ?? []).map(({ label, annotation: other, color }) => {
    const insideAt = (x: number, y: number) => (other.data[y * width + x] & INSIDE ? 1 : 0);
    return [
      label,
      { annotation: other, labels: new MaskTiles(image, insideAt, otherStyle(color), isBlank(other.data)) },
    ] as const;
  });
  return {
    width,
    height,
    aspect: more.aspect ?? 1,
    image,
    levels: more.levels ?? lazyPyramid(image),
    annotation,
    labels,
    others: new Map(others),
    ...(more.place ? { place: more.place } : {}),
  };
}

/** A loop: with `every` this would be half of what a step to the next slice takes. */
function isZero(data: Uint8Array): boolean {
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) return false;
  return true;
}

/** Takes over `now` as what a sheet's annotation holds. */
export function follow({ annotation, labels }: Layer, now: Uint8Array): void {
  const { width, data } = annotation;
  let [left, right, top, bottom] = [width, -1, -1, -1];
  for (let i = 0; i < data.length; i++) {
    if (data[i] === now[i]) continue;
    const x = i % width;
    if (x < left) left = x;
    if (x > right) right = x;
    bottom = (i - x) / width;
    if (top < 0) top = bottom;
  }
  if (right < 0) return;
  data.set(now);
  const box: Box = { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  labels.changed(box);
}
