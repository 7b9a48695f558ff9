import fc from "fast-check";
import { expect, test } from "vitest";
import { centreline, components, deepest, distanceTo, type Grid, largestComponent } from "../../src/core/index.ts";
import { depthIn } from "../../src/core/regions.ts";
import { masks, pixelsOf, place, regions, touch } from "./masks.ts";

/** By giving every pixel a number of its own and spreading the smaller one between those that touch, until nothing changes. */
function slowComponents(mask: Uint8Array, grid: Grid): number[] {
  const pixels = pixelsOf(mask);
  const number = new Map(pixels.map((i) => [i, i]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const i of pixels)
      for (const j of pixels) {
        if (!touch(i, j, grid) || number.get(j)! >= number.get(i)!) continue;
        number.set(i, number.get(j)!);
        changed = true;
      }
  }
  const firsts = [...new Set(number.values())].sort((a, b) => a - b);
  return Array.from(mask, (_, i) => firsts.indexOf(number.get(i) ?? -1) + 1);
}

test("components are the pixels that touch, numbered in order of their first pixel, with their sizes", () => {
  fc.assert(
    fc.property(masks(9), ({ mask, grid }) => {
      const { labels, sizes } = components(mask, grid);
      const expected = slowComponents(mask, grid);
      expect([...labels]).toEqual(expected);
      expect(sizes).toEqual(sizes.map((_, k) => expected.filter((label) => label === k + 1).length));
      expect(sizes).toHaveLength(Math.max(0, ...expected));
    }),
  );
});

test("the largest component is the first that no other exceeds, and empty where the mask is", () => {
  fc.assert(
    fc.property(masks(), ({ mask, grid }) => {
      const { labels, sizes } = components(mask, grid);
      const most = sizes.findIndex((size) => sizes.every((other) => other <= size));
      expect([...largestComponent(mask, grid)]).toEqual(
        Array.from(labels, (label) => Number(label > 0 && label === most + 1)),
      );
    }),
  );
});

test("the distance to a mask is that to its nearest pixel, and infinite where it is empty", () => {
  fc.assert(
    fc.property(masks(), ({ mask, grid }) => {
      const marked = pixelsOf(mask).map((i) => place(i, grid));
      const nearest = (i: number) => {
        const [x, y] = place(i, grid);
        return Math.min(...marked.map(([mx, my]) => Math.hypot(x - mx, y - my)));
      };
      for (const [i, distance] of distanceTo(mask, grid).entries()) {
        // Squares of whole numbers are exact; the root is rounded once.
        if (marked.length > 0) expect(distance).toBeCloseTo(nearest(i), 12);
        else expect(distance).toBe(Number.POSITIVE_INFINITY);
      }
    }),
  );
});

/** Distance to the nearest pixel outside, with a ring of such pixels around the grid. */
function slowDepth(mask: Uint8Array, grid: Grid, i: number): number {
  if (!mask[i]) return 0;
  const [x, y] = place(i, grid);
  let least = Number.POSITIVE_INFINITY;
  for (let oy = -1; oy <= grid.height; oy++)
    for (let ox = -1; ox <= grid.width; ox++) {
      const isOn = ox >= 0 && oy >= 0 && ox < grid.width && oy < grid.height;
      if (!isOn || !mask[oy * grid.width + ox]) least = Math.min(least, Math.hypot(ox - x, oy - y));
    }
  return least;
}

test("the depth in a region is the distance to what is not in it, the image's border included", () => {
  fc.assert(
    fc.property(masks(), ({ mask, grid }) => {
      const depth = depthIn(mask, grid);
      for (let i = 0; i < mask.length; i++) expect(depth[i]).toBeCloseTo(slowDepth(mask, grid, i), 12);
    }),
  );
});

test("the deepest pixel is the first that none exceeds", () => {
  fc.assert(
    fc.property(regions(), ({ mask, grid }) => {
      const depth = Array.from(depthIn(mask, grid));
      expect(deepest(mask, grid)).toBe(depth.indexOf(Math.max(...depth)));
    }),
  );
});

test("a centre line lies in its region, goes from pixel to touching pixel, and passes none twice", () => {
  fc.assert(
    fc.property(regions(), ({ mask, grid }) => {
      const path = centreline(mask, grid).map(([x, y]) => y * grid.width + x);
      expect(path.length).toBeGreaterThan(0);
      expect(path.every((i) => mask[i] === 1)).toBe(true);
      expect(path.slice(1).every((i, k) => touch(i, path[k], grid))).toBe(true);
      expect(new Set(path).size).toBe(path.length);
    }),
    { numRuns: 300 },
  );
});

test("the centre line of a bar runs along its middle, from near one end to near the other, whichever way it lies", () => {
  for (const thick of [1, 3, 5]) {
    const grid = { width: 30, height: 9 };
    const mask = new Uint8Array(grid.width * grid.height);
    for (let y = 2; y < 2 + thick; y++) mask.fill(1, y * grid.width + 4, y * grid.width + 26);
    const path = centreline(mask, grid);
    expect(path.length).toBeGreaterThanOrEqual(22 - thick);
    expect(path.filter(([, y]) => y === 2 + (thick - 1) / 2).length).toBeGreaterThan(path.length - thick - 1);
    const turned = mask.map((_, i) => mask[(i % grid.height) * grid.width + Math.floor(i / grid.height)]);
    expect(centreline(turned, { width: 9, height: 30 })).toHaveLength(path.length);
  }
});

test("the centre line of a single pixel, and of a block of 2 x 2, which thinning wears away, is one of its pixels", () => {
  const grid = { width: 6, height: 5 };
  for (const block of [[8], [8, 9, 14, 15], [0, 1, 6, 7], [22, 23, 28, 29]]) {
    const mask = new Uint8Array(30);
    for (const i of block) mask[i] = 1;
    const path = centreline(mask, grid);
    expect(path).toHaveLength(1);
    expect(block).toContain(path[0][1] * grid.width + path[0][0]);
  }
  expect(centreline(new Uint8Array(30), grid)).toEqual([]);
});
