import fc from "fast-check";
import { expect, test } from "vitest";
import { type Box, boundsOf, type Grid, type Image, type PartialSegmentation, Rng } from "../../src/core/index.ts";
import { boxOf, onPixels, placeBack, placeWindow, readWindow, type Window } from "../../src/model/window.ts";

const CELLS = 32;

/** Quarters are exact in binary, so that mirrored and shifted windows must agree to the last bit. */
const quarters = (least: number, most: number) => fc.integer({ min: 4 * least, max: 4 * most }).map((n) => n / 4);
const side = fc.integer({ min: 1, max: 90 });
const seed = fc.nat();

/** Any window that touches an image of this size, with cells smaller or larger than pixels. */
const windowOn = ({ width, height }: Grid) =>
  fc.tuple(quarters(4, 150), fc.nat(1000), fc.nat(1000)).map(([size, right, down]) => ({
    x: Math.round(4 * ((right / 1000) * (width + size - 2) + 1 - size)) / 4,
    y: Math.round(4 * ((down / 1000) * (height + size - 2) + 1 - size)) / 4,
    size,
  }));

const scene = fc
  .tuple(side, side, seed)
  .chain(([width, height, s]) => fc.tuple(fc.constant(drawScene({ width, height }, s)), windowOn({ width, height })));

interface Scene {
  readonly image: Image;
  readonly partial: PartialSegmentation;
}

function drawScene({ width, height }: Grid, seed: number): Scene {
  const rng = Rng.seeded(seed);
  const size = width * height;
  const partialness = Uint8Array.from({ length: size }, () => Number(rng.uniform() < 0.2));
  return {
    image: { width, height, maximum: 255, data: Uint8Array.from({ length: size }, () => rng.below(256)) },
    partial: { width, height, partialness, segmentation: partialness.map((value) => value & rng.below(2)) },
  };
}

function drawProbabilities(seed: number) {
  const rng = Rng.seeded(seed);
  const partialness = Float32Array.from({ length: CELLS * CELLS }, () => rng.uniform());
  return { partialness, segmentation: partialness.map((m) => m * rng.uniform()) };
}

test("a window whose cells are the pixels reads every pixel as it is and places every cell where it was", () => {
  fc.assert(
    fc.property(fc.integer({ min: -20, max: 60 }), fc.integer({ min: -20, max: 60 }), seed, (x, y, s) => {
      const { image, partial } = drawScene({ width: 70, height: 80 }, s);
      const window = { x, y, size: CELLS };
      const box = boxOf(window, image);
      const read = readWindow(image, partial, window, CELLS);
      const draw = drawProbabilities(s);
      const placed = placeBack(draw, CELLS, window, emptyLike(partial), box);
      const pixels: number[] = [];
      for (let j = 0; j < CELLS; j++) {
        for (let i = 0; i < CELLS; i++) {
          const cell = j * CELLS + i;
          const p = (y + j) * image.width + x + i;
          const on = x + i >= 0 && x + i < image.width && y + j >= 0 && y + j < image.height;
          expect(read.onImage[cell]).toBe(Number(on));
          expect(read.xm[cell]).toBe(on ? partial.partialness[p] : 0);
          expect(read.xs[cell]).toBe(on ? partial.segmentation[p] : 0);
          if (!on) continue;
          pixels.push(image.data[p]);
          const at = (y + j - box.y) * box.width + x + i - box.x;
          expect(placed.partialness[at]).toBe(Number(draw.partialness[cell] >= 0.5));
        }
      }
      const [low, high] = percentiles(pixels);
      const cell = (box.y - y) * CELLS + box.x - x;
      const value = image.data[box.y * image.width + box.x];
      if (high - low >= 1) expect(read.image[cell]).toBeCloseTo(clamp((value - low) / (high - low), 0, 1), 6);
    }),
    { numRuns: 30 },
  );
});

test("intensities are the mean over each cell's area, repeated past the edges and stretched between percentiles", () => {
  fc.assert(
    fc.property(scene, ([{ image, partial }, window]) => {
      const { image: read, onImage } = readWindow(image, partial, window, CELLS);
      const slow = Array.from({ length: CELLS * CELLS }, (_, cell) => meanOfCell(image, window, cell));
      const [low, high] = percentiles(slow.filter((_, cell) => onImage[cell]));
      // Means are of up to 255 in float64 summed in another order; a nearly flat window divides the difference by its range.
      for (const [cell, mean] of slow.entries()) {
        const expected = high - low < 1 ? 0.5 : clamp((mean - low) / (high - low), 0, 1);
        // Sums of up to 255 in float64 in another order, over a range of at least 1, stored as float32.
        expect(Math.abs(read[cell] - expected), `cell ${cell}`).toBeLessThan(1e-6);
      }
    }),
    { numRuns: 40 },
  );
});

test("no segmented pixel is lost: the cell that holds it is segmented, and inside when most of its segmented pixels are", () => {
  fc.assert(
    fc.property(scene, ([{ image, partial }, window]) => {
      const { xm, xs } = readWindow(image, partial, window, CELLS);
      const step = window.size / CELLS;
      for (let cell = 0; cell < CELLS * CELLS; cell++) {
        const left = window.x + (cell % CELLS) * step;
        const top = window.y + Math.floor(cell / CELLS) * step;
        let [segmented, inside] = [0, 0];
        for (let y = 0; y < image.height; y++) {
          for (let x = 0; x < image.width; x++) {
            if (!holds(left, step, x) || !holds(top, step, y)) continue;
            segmented += partial.partialness[y * image.width + x];
            inside += partial.segmentation[y * image.width + x];
          }
        }
        expect(xm[cell]).toBe(Number(segmented > 0));
        expect(xs[cell]).toBe(Number(2 * inside > segmented));
      }
    }),
    { numRuns: 25 },
  );
});

test("placing back interpolates between cell centres with half-pixel centres", () => {
  fc.assert(
    fc.property(scene, seed, ([{ image, partial }, window], s) => {
      const draw = drawProbabilities(s);
      const box = boxOf(window, image);
      const placed = placeBack(draw, CELLS, window, emptyLike(partial), box);
      const step = window.size / CELLS;
      for (let y = 0; y < box.height; y++) {
        for (let x = 0; x < box.width; x++) {
          const u = (box.x + x + 0.5 - window.x) / step - 0.5;
          const v = (box.y + y + 0.5 - window.y) / step - 0.5;
          const m = interpolated(draw.partialness, u, v);
          const inside = interpolated(draw.segmentation, u, v) - m / 2;
          const i = y * box.width + x;
          // The two sums round differently; a value this close to the cut may fall on either side.
          if (Math.abs(m - 0.5) > 1e-9) expect(placed.partialness[i]).toBe(Number(m > 0.5));
          if (placed.partialness[i] && Math.abs(inside) > 1e-9) expect(placed.segmentation[i]).toBe(Number(inside > 0));
        }
      }
    }),
    { numRuns: 25 },
  );
});

test("a mirrored image gives the mirrored reading, and mirrored cells the mirrored placement", () => {
  fc.assert(
    fc.property(scene, seed, fc.boolean(), ([{ image, partial }, window], s, across) => {
      const turn = <T extends Grid>(grid: T, data: ArrayLike<number>) => mirrored(data, grid, across);
      const cells = { width: CELLS, height: CELLS };
      const other: Window = {
        x: across ? image.width - window.x - window.size : window.x,
        y: across ? window.y : image.height - window.y - window.size,
        size: window.size,
      };
      const image2 = { ...image, data: Uint8Array.from(turn(image, image.data)) };
      const partial2 = mirroredPartial(partial, across);

      const read = readWindow(image, partial, window, CELLS);
      const read2 = readWindow(image2, partial2, other, CELLS);
      expect([...read2.xm]).toEqual(turn(cells, read.xm));
      expect([...read2.xs]).toEqual(turn(cells, read.xs));
      const image3 = turn(cells, read.image);
      // Sums in mirrored order round differently, by about 1e-13 of 255, over the window's range of at least one level.
      for (const [cell, value] of image3.entries()) expect(Math.abs(read2.image[cell] - value)).toBeLessThan(1e-5);

      const draw = drawProbabilities(s);
      const draw2 = {
        partialness: turn(cells, draw.partialness),
        segmentation: turn(cells, draw.segmentation),
      };
      const box = boxOf(window, image);
      const box2 = boxOf(other, image);
      const [placed, placed2] = [
        placeBack(draw, CELLS, window, partial, box),
        placeBack(draw2, CELLS, other, partial2, box2),
      ];
      // A pixel centre on the window's own border belongs to the left and upper box only, so compare what both hold.
      const [full, full2] = [onGrid(placed, box, image), mirroredPartial(onGrid(placed2, box2, image), across)];
      const common = onGrid(filled(box), box, image).partialness;
      const common2 = mirroredPartial(onGrid(filled(box2), box2, image), across).partialness;
      for (let i = 0; i < common.length; i++) {
        if (!common[i] || !common2[i]) continue;
        expect(full2.partialness[i]).toBe(full.partialness[i]);
        expect(full2.segmentation[i]).toBe(full.segmentation[i]);
      }
      expect(Math.abs(box.width - box2.width) + Math.abs(box.height - box2.height)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 40 },
  );
});

test("moving the image moves the window, and neither the reading nor the placement changes", () => {
  const shift = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(shift, shift, shift, shift, seed, (x, y, x2, y2, s) => {
      const rng = Rng.seeded(s);
      const small = drawScene({ width: 100, height: 100 }, s);
      // A blob in the middle of the piece, whose window lies on the piece.
      const from = 35 + rng.below(10);
      const to = from + 10 + rng.below(15);
      keepOnly(small.partial, { x: from, y: from + 3, width: to - from, height: 7 });
      const [a, b] = [pasted(small, x, y), pasted(small, x2, y2)];
      const [windowA, windowB] = [a, b].map(({ partial }) =>
        placeWindow(boundsOf(partial.partialness, partial), partial),
      );
      expect(windowB).toEqual({ x: windowA.x - x + x2, y: windowA.y - y + y2, size: windowA.size });
      expect(readWindow(b.image, b.partial, windowB, CELLS)).toEqual(readWindow(a.image, a.partial, windowA, CELLS));
      const [boxA, boxB] = [boxOf(windowA, a.image), boxOf(windowB, b.image)];
      expect(boxB).toEqual({ ...boxA, x: boxA.x - x + x2, y: boxA.y - y + y2 });
      const draw = drawProbabilities(s);
      expect(placeBack(draw, CELLS, windowB, b.partial, boxB)).toEqual(
        placeBack(draw, CELLS, windowA, a.partial, boxA),
      );
    }),
    { numRuns: 20 },
  );
});

test("the window holds what has been segmented with room to grow, and stays on the image where it fits", () => {
  const bounds = fc.record({
    x: fc.nat(299),
    y: fc.nat(199),
    width: fc.integer({ min: 1, max: 300 }),
    height: fc.integer({ min: 1, max: 200 }),
  });
  fc.assert(
    fc.property(bounds, (asked) => {
      const image = { width: 300, height: 200 };
      const box = {
        ...asked,
        width: Math.min(asked.width, image.width - asked.x),
        height: Math.min(asked.height, image.height - asked.y),
      };
      const { x, y, size } = placeWindow(box, image);
      expect(size).toBe(clamp(2.5 * Math.max(box.width, box.height), 32, 300));
      expect(x).toBeLessThanOrEqual(box.x);
      expect(y).toBeLessThanOrEqual(box.y);
      expect(x + size).toBeGreaterThanOrEqual(box.x + box.width);
      expect(y + size).toBeGreaterThanOrEqual(box.y + box.height);
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x + size).toBeLessThanOrEqual(image.width);
      if (size <= image.height) expect(y).toBeGreaterThanOrEqual(0);
      else expect([y <= 0, y + size >= image.height]).toEqual([true, true]);
    }),
  );
});

test("without anything segmented the window covers the image, however small or long", () => {
  expect(placeWindow(null, { width: 512, height: 512 })).toEqual({ x: 0, y: 0, size: 512 });
  expect(placeWindow(null, { width: 300, height: 200 })).toEqual({ x: 0, y: -50, size: 300 });
  expect(placeWindow(null, { width: 1, height: 9 })).toEqual({ x: -4, y: 0, size: 9 });
});

test("a cell smaller than a pixel takes the pixel that it lies in, and both when it lies across a border", () => {
  const image: Image = { width: 20, height: 20, maximum: 255, data: new Uint8Array(400) };
  const partial = emptyLike(image);
  partial.partialness[3] = 1;
  const { xm } = readWindow(image, partial, { x: 1.75, y: 0, size: 16 }, CELLS);
  // Pixel 3 covers [3, 4]; the cells are half a pixel wide, with centres at 2, 2.5, 3, 3.5, 4 and 4.5.
  expect([...xm.subarray(0, 6)]).toEqual([0, 0, 1, 1, 1, 0]);
});

test("a flat window is read as one half", () => {
  const { partial } = drawScene({ width: 40, height: 40 }, 1);
  const image: Image = { width: 40, height: 40, maximum: 65535, data: new Uint16Array(1600).fill(65535) };
  expect(new Set(readWindow(image, partial, { x: -10, y: 3.5, size: 50 }, CELLS).image)).toEqual(new Set([0.5]));
});

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function percentiles(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  return [at(0.01), at(0.99)];
}

/** Over every pixel that could overlap: area of the overlap times intensity. A cell narrower than a pixel is widened to one. */
function meanOfCell({ data, width, height }: Image, window: Window, cell: number): number {
  const step = window.size / CELLS;
  const wide = Math.max(1, step);
  const left = window.x + ((cell % CELLS) + 0.5) * step - wide / 2;
  const top = window.y + (Math.floor(cell / CELLS) + 0.5) * step - wide / 2;
  let sum = 0;
  for (let y = Math.floor(top) - 1; y <= top + wide + 1; y++) {
    for (let x = Math.floor(left) - 1; x <= left + wide + 1; x++) {
      const overlap =
        Math.max(0, Math.min(left + wide, x + 1) - Math.max(left, x)) *
        Math.max(0, Math.min(top + wide, y + 1) - Math.max(top, y));
      sum += overlap * data[clamp(y, 0, height - 1) * width + clamp(x, 0, width - 1)];
    }
  }
  return sum / wide ** 2;
}

/** Whether a pixel is one of a cell's: its centre lies in it, or the cell holds no centre and lies in the pixel. */
function holds(start: number, step: number, pixel: number): boolean {
  const centre = pixel + 0.5;
  if (centre >= start && centre <= start + step) return true;
  const anyCentre = Math.ceil(start - 0.5) + 0.5 <= start + step;
  const middle = start + step / 2;
  return !anyCentre && middle >= pixel && middle <= pixel + 1;
}

/** The sum of all cells, each weighted by a tent one cell wide: bilinear interpolation written the slow way. */
function interpolated(values: Float32Array, u: number, v: number): number {
  const [column, row] = [clamp(u, 0, CELLS - 1), clamp(v, 0, CELLS - 1)];
  let sum = 0;
  for (let r = 0; r < CELLS; r++) {
    const across = Math.max(0, 1 - Math.abs(row - r));
    if (across === 0) continue;
    for (let c = 0; c < CELLS; c++) sum += across * Math.max(0, 1 - Math.abs(column - c)) * values[r * CELLS + c];
  }
  return sum;
}

function emptyLike({ width, height }: Grid): PartialSegmentation {
  return {
    width,
    height,
    partialness: new Uint8Array(width * height),
    segmentation: new Uint8Array(width * height),
  };
}

function filled({ width, height }: Grid): PartialSegmentation {
  return { ...emptyLike({ width, height }), partialness: new Uint8Array(width * height).fill(1) };
}

function mirrored(data: ArrayLike<number>, { width, height }: Grid, across: boolean): number[] {
  return Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return across ? data[y * width + width - 1 - x] : data[(height - 1 - y) * width + x];
  });
}

function mirroredPartial(partial: PartialSegmentation, across: boolean): PartialSegmentation {
  return {
    width: partial.width,
    height: partial.height,
    partialness: Uint8Array.from(mirrored(partial.partialness, partial, across)),
    segmentation: Uint8Array.from(mirrored(partial.segmentation, partial, across)),
  };
}

function onGrid(partial: PartialSegmentation, box: Box, grid: Grid): PartialSegmentation {
  const out = emptyLike(grid);
  for (let y = 0; y < box.height; y++) {
    const to = (box.y + y) * grid.width + box.x;
    out.partialness.set(partial.partialness.subarray(y * box.width, (y + 1) * box.width), to);
    out.segmentation.set(partial.segmentation.subarray(y * box.width, (y + 1) * box.width), to);
  }
  return out;
}

function keepOnly({ partialness, segmentation, width }: PartialSegmentation, box: Box): void {
  for (let i = 0; i < partialness.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const kept = x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
    partialness[i] = Number(kept);
    segmentation[i] &= partialness[i];
  }
}

/** The scene at (x, y) of an image of 200 x 200 that is otherwise empty. */
function pasted({ image, partial }: Scene, x: number, y: number): Scene {
  const grid = { width: 200, height: 200 };
  const box = { x, y, width: image.width, height: image.height };
  const data = new Uint8Array(200 * 200);
  for (let row = 0; row < image.height; row++)
    data.set(image.data.subarray(row * image.width, (row + 1) * image.width), (y + row) * 200 + x);
  return { image: { ...grid, maximum: 255, data }, partial: onGrid(partial, box, grid) };
}

test("values on pixels are those by which a candidate is placed back", () => {
  fc.assert(
    fc.property(scene, seed, ([{ partial }, window], s) => {
      const box = boxOf(window, partial);
      const draw = drawProbabilities(s);
      const placed = placeBack(draw, CELLS, window, emptyLike(partial), box);
      const [m, inside] = [draw.partialness, draw.segmentation].map((values) => onPixels(values, CELLS, window, box));
      expect(m.length).toBe(box.width * box.height);
      for (let i = 0; i < m.length; i++) {
        // Within rounding of the cut either is right.
        if (Math.abs(m[i] - 0.5) > 1e-6) expect(placed.partialness[i]).toBe(Number(m[i] > 0.5));
        if (placed.partialness[i] && Math.abs(inside[i] - 0.5 * m[i]) > 1e-6)
          expect(placed.segmentation[i]).toBe(Number(inside[i] > 0.5 * m[i]));
      }
    }),
    { numRuns: 50 },
  );
});
