/** The image drawn in squares of the pyramid: only what is on the screen is windowed, and kept while the window stays. */
import type { Grid } from "../core/index.ts";
import { Squares } from "./canvases.ts";
import type { Level } from "./pyramid.ts";
import { levelFor, type View } from "./view.ts";

const TILE = 512;
/** Squares kept, 1 MB each. */
const KEPT = 96;
/** From this many device pixels an image pixel on, pixels are shown as the squares they are. */
const SQUARE_PIXELS_FROM = 3;

interface Tile extends Grid {
  readonly canvas: OffscreenCanvas;
}

export class ImageTiles {
  private readonly tiles = new Map<string, Tile>();
  private readonly squares = new Squares(TILE);
  private table: Uint32Array = new Uint32Array();
  private levels: readonly Level[] = [];

  /** What is drawn from now on. @param table  RGBA words by intensity, as `grayTable` gives them */
  show(levels: readonly Level[], table: Uint32Array): void {
    if (levels === this.levels && table === this.table) return;
    this.levels = levels;
    this.table = table;
    this.squares.giveBack([...this.tiles.values()].map(({ canvas }) => canvas));
    this.tiles.clear();
  }

  /** Draws what of the image is on the canvas; `context` has device pixels as its unit. */
  draw(context: CanvasRenderingContext2D, view: View, devicePixels: number): void {
    const index = levelFor(view, devicePixels, this.levels.length);
    const level = this.levels[index];
    const pixel = view.scale * devicePixels * 2 ** index;
    const { width, height } = context.canvas;
    const left = view.x * devicePixels;
    const top = view.y * devicePixels;
    context.imageSmoothingEnabled = view.scale * devicePixels < SQUARE_PIXELS_FROM;
    const step = TILE * pixel;
    const down = step * view.aspect;
    for (let ty = Math.max(0, Math.floor(-top / down)); ty * TILE < level.height && top + ty * down < height; ty++) {
      for (let tx = Math.max(0, Math.floor(-left / step)); tx * TILE < level.width && left + tx * step < width; tx++) {
        const tile = this.tile(index, tx, ty);
        // Whole device pixels at the seams: fractional edges would let the background shine through.
        const x0 = Math.round(left + tx * step);
        const y0 = Math.round(top + ty * down);
        const x1 = Math.round(left + tx * step + tile.width * pixel);
        const y1 = Math.round(top + ty * down + tile.height * pixel * view.aspect);
        context.drawImage(tile.canvas, 0, 0, tile.width, tile.height, x0, y0, x1 - x0, y1 - y0);
      }
    }
  }

  private tile(index: number, tx: number, ty: number): Tile {
    const key = `${index}/${tx}/${ty}`;
    const kept = this.tiles.get(key);
    if (kept) {
      this.tiles.delete(key);
      this.tiles.set(key, kept);
      return kept;
    }
    const made = this.render(this.levels[index], tx * TILE, ty * TILE);
    this.tiles.set(key, made);
    if (this.tiles.size > KEPT) {
      const [[oldest, { canvas }]] = this.tiles;
      this.squares.giveBack([canvas]);
      this.tiles.delete(oldest);
    }
    return made;
  }

  private render({ width: rowLength, height: rows, data }: Level, x: number, y: number): Tile {
    const { table } = this;
    const [width, height] = [Math.min(TILE, rowLength - x), Math.min(TILE, rows - y)];
    const canvas = this.squares.paint({ width, height }, (words, side) => {
      for (let row = 0; row < height; row++) {
        const [from, to] = [(y + row) * rowLength + x, row * side];
        for (let column = 0; column < width; column++) words[to + column] = table[data[from + column]];
      }
    });
    return { canvas, width, height };
  }
}
