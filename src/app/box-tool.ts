/** A box on the screen: the pixels between two corners, its line, and its size while it is drawn. */
import type { Box, Grid } from "../core/index.ts";
import type { Change } from "../project/annotation.ts";
import { AMBER } from "./styles.ts";
import { type Point, toScreen, type View } from "./view.ts";

/** The line and the dark one beneath it, CSS pixels. */
const LINE = 1.25;
const CASE = 3;
const DASH = [6, 4];
const DARK = "rgba(10, 12, 14, 0.6)";
/** The words with a box's size, CSS pixels. */
const FONT = "600 13px system-ui, sans-serif";
const WORDS_HEIGHT = 20;
const WORDS_MARGIN = 6;

/** Both corners' pixels and all between them, as far as they are on the grid. */
export function boxBetween([x0, y0]: Point, [x1, y1]: Point, grid: Grid): Box {
  const on = (value: number, size: number) => Math.min(size - 1, Math.max(0, Math.round(value)));
  const [left, right] = [x0, x1].map((x) => on(x, grid.width)).sort((a, b) => a - b);
  const [top, bottom] = [y0, y1].map((y) => on(y, grid.height)).sort((a, b) => a - b);
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** The newest box; null where there is none. @param changes  of a label, in effect on an image or slice, oldest first */
export function boxInEffect(changes: readonly Change[]): Box | null {
  const newest = changes.findLast(({ kind }) => kind === "box");
  return newest?.kind === "box" ? newest.box : null;
}

/** Dashed and amber, as the line around what is outside. */
export function drawBox(context: CanvasRenderingContext2D, box: Box, view: View): void {
  const [[left, top], [right, bottom]] = edgesOf(box, view);
  context.lineJoin = "miter";
  for (const [width, color, dash] of [
    [CASE, DARK, []],
    [LINE, AMBER, DASH],
  ] as const) {
    context.setLineDash([...dash]);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.strokeRect(left, top, right - left, bottom - top);
  }
  context.setLineDash([]);
}

/** "120 × 84" above a box's left corner, or in it where there is no room. */
export function drawSize(context: CanvasRenderingContext2D, box: Box, view: View): void {
  const [[left, top]] = edgesOf(box, view);
  const words = `${box.width} × ${box.height}`;
  context.font = FONT;
  context.textBaseline = "middle";
  const x = Math.max(0, left);
  const y = top >= WORDS_HEIGHT + 2 ? top - WORDS_HEIGHT - 2 : Math.max(0, top + 2);
  context.fillStyle = "rgba(10, 12, 14, 0.85)";
  context.fillRect(x, y, context.measureText(words).width + 2 * WORDS_MARGIN, WORDS_HEIGHT);
  context.fillStyle = "#ffffff";
  context.fillText(words, x + WORDS_MARGIN, y + WORDS_HEIGHT / 2 + 1);
}

/** Its upper left and lower right corner on the screen, along the edges of its pixels. */
function edgesOf({ x, y, width, height }: Box, view: View): readonly [Point, Point] {
  return [toScreen(view, [x - 0.5, y - 0.5]), toScreen(view, [x + width - 0.5, y + height - 0.5])];
}
