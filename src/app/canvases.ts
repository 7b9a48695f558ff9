/** Canvases that keep their memory: to make a canvas, or to give one a size, takes the browser twenty times as long as to paint it. */
import type { Grid } from "../core/index.ts";

/** Spare canvases that are kept, at most. */
const KEPT = 96;

/** Square canvases that are painted again when what was on them is no longer needed. */
export class Squares {
  private readonly side: number;
  private readonly spare: OffscreenCanvas[] = [];
  private pixels: ImageData | null = null;

  /** @param side  pixels */
  constructor(side: number) {
    this.side = side;
  }

  /**
   * A square painted in its upper left part; what is on the rest is left over from before.
   *
   * @param fill  sets the RGBA words (little-endian) of that part, in rows of the square's side, all of them
   */
  paint({ width, height }: Grid, fill: (words: Uint32Array, rowLength: number) => void): OffscreenCanvas {
    this.pixels ??= new ImageData(this.side, this.side);
    fill(new Uint32Array(this.pixels.data.buffer), this.side);
    const canvas = this.spare.pop() ?? new OffscreenCanvas(this.side, this.side);
    canvas.getContext("2d")!.putImageData(this.pixels, 0, 0, 0, 0, width, height);
    return canvas;
  }

  /** Nobody will draw these any more. */
  giveBack(canvases: Iterable<OffscreenCanvas>): void {
    this.spare.push(...canvases);
    this.spare.length = Math.min(this.spare.length, KEPT);
  }
}

/** The context of a canvas of this size in CSS pixels, which are its unit; cleared. */
export function clearedContext(canvas: HTMLCanvasElement, { width, height }: Grid): CanvasRenderingContext2D {
  const ratio = devicePixelRatio;
  const [columns, rows] = [width, height].map((size) => Math.max(1, Math.round(size * ratio)));
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width + 1, height + 1);
  return context;
}
