import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyMask, type Mask, masksBetween, ShapeError } from "../../src/core/index.ts";

const GRID = { width: 24, height: 20 };

function disc(x: number, y: number, radius: number): Mask {
  const mask = emptyMask(GRID);
  for (let row = 0; row < GRID.height; row++)
    for (let column = 0; column < GRID.width; column++)
      if ((column - x) ** 2 + (row - y) ** 2 <= radius ** 2) mask.data[row * GRID.width + column] = 1;
  return mask;
}

const masks = fc
  .uint8Array({ minLength: GRID.width * GRID.height, maxLength: GRID.width * GRID.height, max: 1 })
  .filter((data) => data.includes(1))
  .map((data): Mask => ({ ...GRID, data: Uint8Array.from(data) }));
const area = ({ data }: Mask) => data.reduce((total, value) => total + value, 0);

test("at the ends of the way are the two masks themselves", () => {
  fc.assert(
    fc.property(masks, masks, (a, b) => {
      const [start, end] = masksBetween(a, b, [0, 1]);
      expect(start.data).toEqual(a.data);
      expect(end.data).toEqual(b.data);
    }),
  );
});

test("what both masks hold is inside all the way, and what neither holds never", () => {
  fc.assert(
    fc.property(masks, masks, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, share) => {
      const [{ data }] = masksBetween(a, b, [share]);
      data.forEach((value, i) => {
        if (a.data[i] === b.data[i]) expect(value).toBe(a.data[i]);
      });
    }),
  );
});

test("the way back is the same but for pixels that are exactly in the middle", () => {
  fc.assert(
    fc.property(masks, masks, (a, b) => {
      const [there] = masksBetween(a, b, [0.3]);
      const [back] = masksBetween(b, a, [0.7]);
      const different = there.data.filter((value, i) => value !== back.data[i]);
      expect(different.length).toBeLessThanOrEqual(3);
    }),
  );
});

test("between two concentric discs the radius grows evenly", () => {
  const shares = [0.25, 0.5, 0.75];
  masksBetween(disc(12, 10, 3), disc(12, 10, 9), shares).forEach((mask, i) => {
    const radius = Math.sqrt(area(mask) / Math.PI);
    expect(Math.abs(radius - (3 + 6 * shares[i]))).toBeLessThan(0.6);
  });
});

test("a disc moves on its way to a shifted one", () => {
  const [half] = masksBetween(disc(8, 10, 6), disc(12, 10, 6), [0.5]);
  const columns = [...half.data.keys()].filter((i) => half.data[i]).map((i) => i % GRID.width);
  expect(columns.reduce((total, x) => total + x, 0) / columns.length).toBeCloseTo(10, 1);
});

test("there is no way to an empty mask, nor to one on another grid", () => {
  expect(() => masksBetween(disc(8, 10, 6), emptyMask(GRID), [0.5])).toThrow(ShapeError);
  expect(() => masksBetween(disc(8, 10, 6), emptyMask({ width: 2, height: 2 }), [0.5])).toThrow(ShapeError);
});

test("a mask that fills the grid is a shape like any other", () => {
  const full: Mask = { ...GRID, data: new Uint8Array(GRID.width * GRID.height).fill(1) };
  const [start, half, end] = masksBetween(full, disc(12, 10, 3), [0, 0.5, 1]);
  expect(area(start)).toBe(area(full));
  expect(area(half)).toBeGreaterThan(area(end));
});
