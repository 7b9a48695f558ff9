/**
 * Where the image lies on the screen: pure transforms.
 *
 *   screen = offset + scale * corner          corner coordinates: pixel (x, y) covers [x, x + 1) by [y, y + 1)
 *
 * Where pixels are not square, as on slices of a volume, the vertical scale is `aspect` times the horizontal one.
 *
 * Strokes use pixel centres (integers are centres), half a pixel less than corner coordinates.
 */
import type { Grid } from "../core/index.ts";

/** What a view shows: a grid, and a pixel's height divided by its width. */
export interface Pixels extends Grid {
  readonly aspect: number;
}

export interface View {
  /** Screen pixels (CSS) an image pixel, horizontally. */
  readonly scale: number;
  /** A pixel's height divided by its width. */
  readonly aspect: number;
  /** Screen position of the image's top left corner, CSS pixels. */
  readonly x: number;
  readonly y: number;
}

export type Point = readonly [x: number, y: number];

/** Room left around an image that fits the screen, CSS pixels. */
const FIT_MARGIN = 8;
const LARGEST_SCALE = 64;
/** The image can be pushed aside until this much of it is still on the screen, CSS pixels. */
const STAYS_VISIBLE = 48;

/** The whole image, as large as the screen allows, in its middle. */
export function fitView(image: Pixels, screen: Grid): View {
  const { aspect } = image;
  const width = Math.max(1, screen.width - 2 * FIT_MARGIN);
  const height = Math.max(1, screen.height - 2 * FIT_MARGIN);
  const scale = Math.min(width / image.width, height / (image.height * aspect), LARGEST_SCALE);
  return {
    scale,
    aspect,
    x: (screen.width - image.width * scale) / 2,
    y: (screen.height - image.height * scale * aspect) / 2,
  };
}

/** Zooms by `factor`; the image point under `at` (screen) stays there. */
export function zoomAt(view: View, factor: number, [sx, sy]: Point, image: Pixels, screen: Grid): View {
  const smallest = Math.min(1, fitView(image, screen).scale / 2);
  const scale = Math.min(LARGEST_SCALE, Math.max(smallest, view.scale * factor));
  const ratio = scale / view.scale;
  return keepVisible({ ...view, scale, x: sx - (sx - view.x) * ratio, y: sy - (sy - view.y) * ratio }, image, screen);
}

export function panBy(view: View, [dx, dy]: Point, image: Pixels, screen: Grid): View {
  return keepVisible({ ...view, x: view.x + dx, y: view.y + dy }, image, screen);
}

/** Screen to image, pixel centres. */
export function toImage(view: View, [sx, sy]: Point): Point {
  return [(sx - view.x) / view.scale - 0.5, (sy - view.y) / (view.scale * view.aspect) - 0.5];
}

/** Image (pixel centres) to screen. */
export function toScreen(view: View, [x, y]: Point): Point {
  return [view.x + (x + 0.5) * view.scale, view.y + (y + 0.5) * view.scale * view.aspect];
}

/** The halving of the image whose pixels are 1 to 2 device pixels large, or the image itself (0) when zoomed in. */
export function levelFor(view: View, devicePixels: number, levels: number): number {
  const larger = view.scale * Math.max(1, view.aspect);
  const wanted = Math.floor(Math.log2(1 / (larger * devicePixels)) + 1);
  return Math.min(levels - 1, Math.max(0, wanted));
}

function keepVisible(view: View, image: Pixels, screen: Grid): View {
  const clamp = (offset: number, size: number, room: number) => {
    const visible = Math.min(STAYS_VISIBLE, size);
    return Math.min(room - visible, Math.max(visible - size, offset));
  };
  return {
    ...view,
    x: clamp(view.x, image.width * view.scale, screen.width),
    y: clamp(view.y, image.height * view.scale * view.aspect, screen.height),
  };
}
