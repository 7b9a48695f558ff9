/** Strokes and the pen's cursor on a canvas. Inside is azure, solid and "+"; outside amber, dashed and "−"; both cased. */
import { type Annotation, BY_HAND, type Change, type DrawnChange, INSIDE, type Mark } from "../project/annotation.ts";
import type { LiveStroke } from "./hand.ts";
import type { Tool } from "./settings.ts";
import { AMBER, AZURE } from "./styles.ts";
import { type Point, toScreen, type View } from "./view.ts";

const DARK = "rgba(10, 12, 14, 0.85)";
const LIGHT = "rgba(255, 255, 255, 0.9)";
/**
 * A scribble's line is as wide as its pen, between these, so that it covers what it has marked; each case adds a pixel on both
 * sides. CSS pixels.
 */
const THINNEST = 2;
const THICKEST = 6;
const DASH = [9, 6];
/** Strokes from before the last taken candidate are history: still there, out of the way. */
const OLD_ALPHA = 0.35;
/** A pen smaller than this on the screen gets a cross instead of a ring, CSS pixels. */
const SMALLEST_RING = 3;

/** A scribble's middle line, as far as its pixels still are what it made them. */
export interface Trace {
  readonly mark: Mark;
  readonly isOld: boolean;
  /** Of the pen, image pixels. */
  readonly width: number;
  readonly pieces: readonly (readonly Point[])[];
}

/**
 * The scribbles in effect, without the parts that later strokes have replaced.
 *
 * @param done  changes of the image or slice that `annotation` is of
 */
export function tracesOf(annotation: Annotation, done: readonly Change[]): Trace[] {
  const lastTake = done.findLastIndex(({ kind }) => kind === "take" || kind === "carry");
  return done.flatMap((change, i) => {
    if (change.kind !== "scribble") return [];
    const pieces = piecesOf(change, annotation.data, annotation);
    return [{ mark: change.mark, isOld: i < lastTake, width: change.stroke.width, pieces }];
  });
}

function piecesOf(
  { stroke, mark }: DrawnChange,
  data: Uint8Array,
  { width, height }: { width: number; height: number },
): Point[][] {
  const wanted = mark === "inside" ? INSIDE : 0;
  const pieces: Point[][] = [];
  let piece: Point[] = [];
  for (const [x, y] of stroke.points) {
    const [px, py] = [Math.round(x), Math.round(y)];
    const value = px < 0 || py < 0 || px >= width || py >= height ? 0 : data[py * width + px];
    if (value & BY_HAND && (value & INSIDE) === wanted) piece.push([x, y]);
    else if (piece.length > 0) {
      pieces.push(piece);
      piece = [];
    }
  }
  return piece.length > 0 ? [...pieces, piece] : pieces;
}

export function drawTraces(context: CanvasRenderingContext2D, traces: readonly Trace[], view: View): void {
  for (const { mark, isOld, width, pieces } of traces) {
    context.globalAlpha = isOld ? OLD_ALPHA : 1;
    for (const piece of pieces) strokeCased(context, pathOf(piece, view), mark, width * view.scale);
  }
  context.globalAlpha = 1;
}

/** The stroke under way: as wide as the pen, and its middle line when it is a scribble. */
export function drawLive(
  context: CanvasRenderingContext2D,
  { kind, mark, width, points }: LiveStroke,
  view: View,
): void {
  const path = pathOf(points, view);
  // The pen is round in pixels: where those are not square it is drawn tall or flat.
  const { aspect } = view;
  const square = new Path2D();
  square.addPath(path, new DOMMatrix([1, 0, 0, 1 / aspect, 0, 0]));
  context.save();
  context.scale(1, aspect);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.globalAlpha = kind === "scribble" ? 0.3 : 0.5;
  context.lineWidth = Math.max(1, width * view.scale);
  context.strokeStyle = kind === "erase" ? "#e8eaed" : colorOf(mark);
  context.stroke(square);
  context.restore();
  if (kind === "scribble") strokeCased(context, path, mark, width * view.scale);
}

/** The pen's size as a ring, and beside it what it does. */
export function drawCursor(
  context: CanvasRenderingContext2D,
  at: Point,
  diameter: number,
  aspect: number,
  { kind, mark }: { kind: Tool; mark: Mark },
): void {
  const [x, y] = at;
  const radius = diameter / 2;
  const ring = new Path2D();
  if (radius >= SMALLEST_RING) ring.ellipse(x, y, radius, radius * aspect, 0, 0, 2 * Math.PI);
  else {
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ]) {
      ring.moveTo(x + 4 * dx, y + 4 * dy);
      ring.lineTo(x + 9 * dx, y + 9 * dy);
    }
  }
  const color = kind === "erase" ? "#ffffff" : colorOf(mark);
  strokeTwice(context, ring, color, mark === "inside" ? [] : [5, 4]);
  const offset = Math.max(radius, 6) * Math.SQRT1_2 + 9;
  strokeTwice(context, signOf(kind, mark, x + offset, y - offset), color, []);
}

function signOf(kind: Tool, mark: Mark, x: number, y: number): Path2D {
  const sign = new Path2D();
  if (kind === "box") {
    sign.rect(x - 5, y - 4, 10, 8);
    return sign;
  }
  const line = (dx: number, dy: number) => {
    sign.moveTo(x - dx, y - dy);
    sign.lineTo(x + dx, y + dy);
  };
  if (kind === "erase") {
    line(4, 4);
    line(4, -4);
    return sign;
  }
  line(5, 0);
  if (mark === "inside") line(0, 5);
  return sign;
}

function strokeTwice(context: CanvasRenderingContext2D, path: Path2D, color: string, dash: number[]): void {
  context.lineCap = "round";
  context.setLineDash([]);
  context.lineWidth = 4;
  context.strokeStyle = DARK;
  context.stroke(path);
  context.setLineDash(dash);
  context.lineWidth = 1.75;
  context.strokeStyle = color;
  context.stroke(path);
  context.setLineDash([]);
}

function strokeCased(context: CanvasRenderingContext2D, path: Path2D, mark: Mark, pen: number): void {
  const line = Math.min(THICKEST, Math.max(THINNEST, pen));
  context.lineJoin = "round";
  context.lineCap = mark === "inside" ? "round" : "butt";
  context.setLineDash(mark === "inside" ? [] : DASH);
  for (const [width, color] of [
    [line + 4, DARK],
    [line + 2, LIGHT],
    [line, colorOf(mark)],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke(path);
  }
  context.setLineDash([]);
}

function colorOf(mark: Mark): string {
  return mark === "inside" ? AZURE : mark === "outside" ? AMBER : "#e8eaed";
}

function pathOf(points: readonly Point[], view: View): Path2D {
  const path = new Path2D();
  points.forEach((point, i) => {
    const [x, y] = toScreen(view, point);
    if (i === 0) path.moveTo(x, y);
    // A line to itself, so that a single point shows as a dot.
    if (i > 0 || points.length === 1) path.lineTo(x + (i === 0 ? 0.01 : 0), y);
  });
  return path;
}
