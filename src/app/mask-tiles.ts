/**
 * Labels drawn over the image in squares, each a faint fill and an outline along pixel edges; the outline is as thin on the
 * screen at any zoom. A change makes only the squares it touches anew.
 */
import { type Box, clipBox, type Grid } from "../core/index.ts";
import { Squares } from "./canvases.ts";
import { levelFor, type View } from "./view.ts";

/**
 * What is drawn at an image pixel: nothing, inside, outside by hand, inside that would be so no longer, or outside by a candidate,
 * which has an outline alone: it can be all the rest of the image, which should stay as clear as it is.
 */
export type Kind = 0 | 1 | 2 | 3 | 4;

export interface MaskStyle {
  /** RGBA, 0 to 255 each. */
  readonly insideFill: readonly [number, number, number, number];
  readonly insideLine: string;
  /** Drawn as dots, never as an area: outside is told from inside without its color. */
  readonly outsideDots: string;
  readonly outsideLine: string;
  /** Under that line and wider, where it is to be seen on any ground. */
  readonly outsideCase?: string;
  /** Stripes over inside that would be so no longer, and the line around it. */
  readonly lostStripes: string;
}

/** An outline's straight pieces: x0, y0, x1, y1 of each in level pixels. */
type Lines = number[];

interface Tile extends Grid {
  readonly fill: OffscreenCanvas | null;
  readonly inside: Path2D | null;
  readonly outside: Path2D | null;
  readonly lost: Path2D | null;
  /** The area of outside, for its dots, and of what is lost, for its stripes. */
  readonly dotted: Path2D | null;
  readonly striped: Path2D | null;
}

const TILE = 256;
const KEPT = 256;
/** Dashes of the outline around outside, level pixels. */
const DASH = 4;
/** Dots of outside: their distance and size, CSS pixels. */
const DOT_PITCH = 10;
const DOT = 1.5;
/** Stripes: their distance and width, CSS pixels. */
const STRIPE_PITCH = 6;
const STRIPE = 2;
/** Stands in sampled kinds for what is no pixel of the image. */
const BEYOND = 5;

const FILLS = new Squares(TILE);
const EMPTY: Tile = {
  width: 0,
  height: 0,
  fill: null,
  inside: null,
  outside: null,
  lost: null,
  dotted: null,
  striped: null,
};

export class MaskTiles {
  private readonly tiles = new Map<string, Tile>();
  private readonly grid: Grid;
  private readonly kindAt: (x: number, y: number) => Kind;
  private readonly style: MaskStyle;
  private readonly isBlankNow: () => boolean;
  /** Null where it is not known. */
  private isBlank: boolean | null = null;

  /**
   * @param kindAt   what is at an image pixel; called with positions on the grid only
   * @param isBlankNow  whether there is nothing anywhere, where that is told faster than pixel by pixel
   */
  constructor(grid: Grid, kindAt: (x: number, y: number) => Kind, style: MaskStyle, isBlankNow = () => false) {
    this.grid = grid;
    this.kindAt = kindAt;
    this.style = style;
    this.isBlankNow = isBlankNow;
  }

  /** The labels inside `box` have changed. */
  changed(box: Box): void {
    this.isBlank = null;
    for (const key of this.tiles.keys()) {
      const [index, tx, ty] = key.split("/").map(Number);
      const side = TILE * 2 ** index;
      // An outline belongs to the pixel right of it or below it, so a change reaches one level pixel further.
      const reach = 2 ** index;
      const touched =
        box.x < (tx + 1) * side + reach &&
        box.x + box.width > tx * side - reach &&
        box.y < (ty + 1) * side + reach &&
        box.y + box.height > ty * side - reach;
      if (touched) this.remove(key);
    }
  }

  /** Gives back what drawing takes; it is made anew where it is drawn again. */
  release(): void {
    for (const key of this.tiles.keys()) this.remove(key);
  }

  private remove(key: string): void {
    const { fill } = this.tiles.get(key)!;
    if (fill) FILLS.giveBack([fill]);
    this.tiles.delete(key);
  }

  /** Draws what is on the canvas; `context` has device pixels as its unit. */
  draw(
    context: CanvasRenderingContext2D,
    view: View,
    devicePixels: number,
    parts: { readonly fill: boolean; readonly line: boolean },
  ): void {
    this.isBlank ??= this.isBlankNow();
    if (this.isBlank) return;
    const index = levelFor(view, devicePixels, 16);
    const pixel = view.scale * devicePixels * 2 ** index;
    const { aspect } = view;
    const step = TILE * pixel;
    const down = step * aspect;
    const [left, top] = [view.x * devicePixels, view.y * devicePixels];
    const columns = Math.ceil(this.grid.width / 2 ** index / TILE);
    const rows = Math.ceil(this.grid.height / 2 ** index / TILE);
    context.save();
    context.imageSmoothingEnabled = false;
    for (let ty = Math.max(0, Math.floor(-top / down)); ty < rows && top + ty * down < context.canvas.height; ty++) {
      for (
        let tx = Math.max(0, Math.floor(-left / step));
        tx < columns && left + tx * step < context.canvas.width;
        tx++
      ) {
        const tile = this.tile(index, tx, ty);
        context.setTransform(pixel, 0, 0, pixel * aspect, left + tx * step, top + ty * down);
        const { width, height } = tile;
        if (parts.fill && tile.fill) context.drawImage(tile.fill, 0, 0, width, height, 0, 0, width, height);
        // Dots keep their distance on the screen at any zoom, and their place on the image while it is moved.
        const onScreen = new DOMMatrix([1 / pixel, 0, 0, 1 / (pixel * aspect), -tx * TILE, -ty * TILE]);
        const { outsideDots, lostStripes } = this.style;
        if (parts.fill && tile.dotted)
          fillWith(context, tile.dotted, cell(dotCell, outsideDots, devicePixels), onScreen);
        if (parts.fill && tile.striped)
          fillWith(context, tile.striped, cell(stripeCell, lostStripes, devicePixels), onScreen);
        // Lines are as wide in both directions: it is their path that is stretched where pixels are not square.
        context.setTransform(pixel, 0, 0, pixel, left + tx * step, top + ty * down);
        if (parts.line) this.strokeOutlines(context, tile, devicePixels / pixel, aspect);
      }
    }
    context.restore();
  }

  /** @param unit  one CSS pixel in level pixels */
  private strokeOutlines(context: CanvasRenderingContext2D, tile: Tile, unit: number, aspect: number): void {
    const [inside, outside, lost] = [tile.inside, tile.outside, tile.lost].map((path) => stretched(path, aspect));
    context.lineCap = "square";
    if (outside && this.style.outsideCase) {
      context.lineWidth = 3 * unit;
      context.strokeStyle = this.style.outsideCase;
      context.stroke(outside);
    }
    if (outside) {
      context.lineWidth = unit;
      context.strokeStyle = this.style.outsideLine;
      context.stroke(outside);
    }
    if (lost) {
      context.lineWidth = 1.25 * unit;
      context.strokeStyle = this.style.lostStripes;
      context.stroke(lost);
    }
    if (!inside) return;
    context.lineWidth = 3 * unit;
    context.strokeStyle = "rgba(0, 0, 0, 0.55)";
    context.stroke(inside);
    context.lineWidth = 1.25 * unit;
    context.strokeStyle = this.style.insideLine;
    context.stroke(inside);
  }

  private tile(index: number, tx: number, ty: number): Tile {
    const key = `${index}/${tx}/${ty}`;
    const kept = this.tiles.get(key);
    if (kept) return kept;
    const made = this.render(index, tx, ty);
    this.tiles.set(key, made);
    if (this.tiles.size > KEPT) this.remove(this.tiles.keys().next().value!);
    return made;
  }

  private render(index: number, tx: number, ty: number): Tile {
    const cell = 2 ** index;
    const size: Grid = { width: Math.ceil(this.grid.width / cell), height: Math.ceil(this.grid.height / cell) };
    const box = clipBox({ x: tx * TILE, y: ty * TILE, width: TILE, height: TILE }, size);
    const kinds = sampleKinds(box, size, (x, y) =>
      this.kindAt(
        Math.min(this.grid.width - 1, x * cell + (cell >> 1)),
        Math.min(this.grid.height - 1, y * cell + (cell >> 1)),
      ),
    );
    if (!kinds.some((kind) => kind > 0 && kind < BEYOND)) return EMPTY;
    const merged = kinds.map((kind) => (kind === 4 ? 2 : kind));
    return {
      width: box.width,
      height: box.height,
      fill: this.renderFill(kinds, box),
      inside: pathOf(outlines(kinds, box, 1)),
      outside: pathOf(dashed(outlines(merged, box, 2))),
      lost: pathOf(outlines(kinds, box, 3)),
      dotted: areaOf(kinds, box, 2),
      striped: areaOf(kinds, box, 3),
    };
  }

  private renderFill(kinds: Uint8Array, { width, height }: Grid): OffscreenCanvas {
    const [color] = new Uint32Array(Uint8Array.from(this.style.insideFill).buffer);
    return FILLS.paint({ width, height }, (words, side) => {
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) words[y * side + x] = kinds[(y + 1) * (width + 2) + x + 1] === 1 ? color : 0;
    });
  }
}

function stretched(path: Path2D | null, aspect: number): Path2D | null {
  if (path === null || aspect === 1) return path;
  const tall = new Path2D();
  tall.addPath(path, new DOMMatrix([1, 0, 0, aspect, 0, 0]));
  return tall;
}

type DrawCell = (color: string, devicePixels: number) => OffscreenCanvas;

const CELLS = new Map<string, OffscreenCanvas>();

/** A pattern's cell, made once. */
function cell(draw: DrawCell, color: string, devicePixels: number): OffscreenCanvas {
  const key = `${draw.name} ${color} ${devicePixels}`;
  const made = CELLS.get(key) ?? draw(color, devicePixels);
  CELLS.set(key, made);
  return made;
}

/** One cell of the pattern of dots, in staggered rows. */
function dotCell(color: string, devicePixels: number): OffscreenCanvas {
  const side = Math.round(DOT_PITCH * devicePixels);
  const dot = DOT * devicePixels;
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d")!;
  context.fillStyle = color;
  context.fillRect(side / 4 - dot / 2, side / 4 - dot / 2, dot, dot);
  context.fillRect((3 * side) / 4 - dot / 2, (3 * side) / 4 - dot / 2, dot, dot);
  return canvas;
}

/** One cell of the pattern of stripes, which rise to the right. */
function stripeCell(color: string, devicePixels: number): OffscreenCanvas {
  const side = Math.round(STRIPE_PITCH * devicePixels);
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d")!;
  context.strokeStyle = color;
  context.lineWidth = STRIPE * devicePixels;
  // The stripe through the cell, and the corners of those beside it.
  for (const shift of [-side, 0, side]) {
    context.moveTo(shift - side, 2 * side);
    context.lineTo(shift + 2 * side, -side);
  }
  context.stroke();
  return canvas;
}

/** @param onScreen  where the pattern of cells lies, so that it keeps its size at any zoom */
function fillWith(context: CanvasRenderingContext2D, area: Path2D, cell: OffscreenCanvas, onScreen: DOMMatrix): void {
  const pattern = context.createPattern(cell, "repeat")!;
  pattern.setTransform(onScreen);
  context.fillStyle = pattern;
  context.fill(area);
}

/** The pixels of `kind` as an area, one rectangle a run. */
function areaOf(kinds: Uint8Array, { width, height }: Grid, kind: Kind): Path2D | null {
  if (!kinds.includes(kind)) return null;
  const path = new Path2D();
  let isEmpty = true;
  for (let y = 0; y < height; y++) {
    const row = (y + 1) * (width + 2) + 1;
    for (let x = 0; x < width; x++) {
      if (kinds[row + x] !== kind) continue;
      const start = x;
      while (x < width && kinds[row + x] === kind) x++;
      path.rect(start, y, x - start, 1);
      isEmpty = false;
    }
  }
  return isEmpty ? null : path;
}

/** [height + 2, width + 2]: the kinds inside `box` and one pixel around it, `BEYOND` where that is not on `size`. */
export function sampleKinds(box: Box, size: Grid, kindAt: (x: number, y: number) => Kind): Uint8Array {
  const stride = box.width + 2;
  const kinds = new Uint8Array(stride * (box.height + 2)).fill(BEYOND);
  for (let y = -1; y <= box.height; y++) {
    for (let x = -1; x <= box.width; x++) {
      const [px, py] = [box.x + x, box.y + y];
      if (px < 0 || py < 0 || px >= size.width || py >= size.height) continue;
      kinds[(y + 1) * stride + x + 1] = kindAt(px, py);
    }
  }
  return kinds;
}

/**
 * The edges between `kind` and everything else: the left and upper edges of the box's pixels, and its right and lower rim where
 * nothing lies beyond (at the image's edge), so that neighbouring boxes draw each edge once.
 *
 * @param kinds  as `sampleKinds` gives them
 */
export function outlines(kinds: Uint8Array, { width, height }: Grid, kind: Kind): Lines {
  // Most squares hold one kind alone.
  if (!kinds.includes(kind)) return [];
  const stride = width + 2;
  const at = (x: number, y: number) => kinds[(y + 1) * stride + x + 1];
  const differ = (a: number, b: number) => (a === kind) !== (b === kind);
  const lines: Lines = [];
  for (let y = 0; y <= height; y++) {
    let start = -1;
    for (let x = 0; x <= width; x++) {
      const edge = x < width && (y < height || at(x, y) === BEYOND) && differ(at(x, y), at(x, y - 1));
      if (edge && start < 0) start = x;
      if (!edge && start >= 0) {
        lines.push(start, y, x, y);
        start = -1;
      }
    }
  }
  for (let x = 0; x <= width; x++) {
    let start = -1;
    for (let y = 0; y <= height; y++) {
      const edge = y < height && (x < width || at(x, y) === BEYOND) && differ(at(x, y), at(x - 1, y));
      if (edge && start < 0) start = y;
      if (!edge && start >= 0) {
        lines.push(x, start, x, y);
        start = -1;
      }
    }
  }
  return lines;
}

/** Cuts lines into dashes by position, so that the many short pieces of a slanted outline look dashed too. */
function dashed(lines: Lines): Lines {
  const dashes: Lines = [];
  for (let i = 0; i < lines.length; i += 4) {
    const [x0, y0, x1, y1] = lines.slice(i, i + 4);
    const length = x1 - x0 + y1 - y0;
    const [dx, dy] = [Math.sign(x1 - x0), Math.sign(y1 - y0)];
    for (let at = 0; at < length; at++) {
      const [x, y] = [x0 + at * dx, y0 + at * dy];
      if (Math.floor((x + y) / DASH) % 2 === 0) dashes.push(x, y, x + dx, y + dy);
    }
  }
  return dashes;
}

function pathOf(lines: Lines): Path2D | null {
  if (lines.length === 0) return null;
  const path = new Path2D();
  for (let i = 0; i < lines.length; i += 4) {
    path.moveTo(lines[i], lines[i + 1]);
    path.lineTo(lines[i + 2], lines[i + 3]);
  }
  return path;
}
