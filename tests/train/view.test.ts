/** Windows on images as training sees them: where they lie, and how they are read. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Grid, Rng } from "../../src/core/index.ts";
import { drawView, readNearest, readOnImage, readValues, type View } from "../../src/train/view.ts";

const SIZE = 16;

/** The view whose cells are the pixels of a square at (x, y). */
const straight = (x: number, y: number): View => ({ x: [SIZE, 0, x + SIZE / 2], y: [0, SIZE, y + SIZE / 2] });

const scenes = fc.record({ x: fc.integer({ min: -9, max: 20 }), y: fc.integer({ min: -9, max: 20 }), seed: fc.nat() });
const grid: Grid = { width: 23, height: 19 };

test("where the cells are the pixels, every way of reading gives the pixels themselves, and what is beyond off the image", () => {
  fc.assert(
    fc.property(scenes, ({ x, y, seed }) => {
      const rng = Rng.seeded(seed);
      const offset = 7;
      const data = Uint8Array.from({ length: offset + grid.width * grid.height }, () => rng.below(256));
      const pixel = (i: number) => {
        const [px, py] = [x + (i % SIZE), y + Math.floor(i / SIZE)];
        const isOn = px >= 0 && py >= 0 && px < grid.width && py < grid.height;
        return isOn ? data[offset + py * grid.width + px] : null;
      };
      const view = straight(x, y);
      const expected = Array.from({ length: SIZE * SIZE }, (_, i) => pixel(i));
      expect([...readOnImage(view, SIZE, grid)]).toEqual(expected.map((value) => Number(value !== null)));
      expect([...readNearest(view, SIZE, data, offset, grid)]).toEqual(expected.map((value) => value ?? 0));
      const values = readValues(view, SIZE, data, offset, grid, -1);
      for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value ?? -1, 4);
    }),
  );
});

test("a plane is read as the same plane at any angle and scale: interpolation is linear between pixel centres", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const rng = Rng.seeded(seed);
      const [a, b, c] = [rng.normal(), rng.normal(), rng.normal()];
      const data = Float32Array.from(
        { length: 60 * 50 },
        (_, i) => a * ((i % 60) + 0.5) + b * (Math.floor(i / 60) + 0.5) + c,
      );
      const view = drawView(rng, { width: 60, height: 50 }, { x: 20, y: 20, width: 20, height: 12 });
      const values = readValues(view, SIZE, data, 0, { width: 60, height: 50 }, Number.NaN);
      for (const [i, value] of values.entries()) {
        const [u, v] = [((i % SIZE) + 0.5) / SIZE - 0.5, (Math.floor(i / SIZE) + 0.5) / SIZE - 0.5];
        const [x, y] = [view.x, view.y].map(([right, down, middle]) => right * u + down * v + middle);
        // Within half a pixel of an edge there is nothing to interpolate with.
        if (x < 0.5 || y < 0.5 || x > 59.5 || y > 49.5) continue;
        expect(value).toBeCloseTo(a * x + b * y + c, 3);
      }
    }),
  );
});

test("a drawn view shows the middle of what it is drawn around, wherever that lies", () => {
  const image = { width: 120, height: 90 };
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 70 }), (seed, x, y) => {
      const around = { x, y, width: 20, height: 20 };
      const view = drawView(Rng.seeded(seed), image, around);
      const mask = new Uint8Array(image.width * image.height);
      for (let row = y + 5; row < y + 15; row++) mask.fill(1, row * image.width + x + 5, row * image.width + x + 15);
      // A whole image that is turned by 45 degrees loses its corners.
      const isWhole = Math.hypot(view.x[0], view.y[0]) > 95;
      if (!isWhole) expect(readNearest(view, 64, mask, 0, image).includes(1)).toBe(true);
      expect(readOnImage(view, 64, image).includes(1)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
