/** What the simulated annotator draws: in the right place, with the right label, and as wide as people draw. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { boundsOf, type Grid, Rng } from "../../src/core/index.ts";
import { boxAround, brushIn, clickIn, loopAround, scribbleIn, sureOf } from "../../src/synth/index.ts";
import { pixelsOf, regions } from "../core/masks.ts";

const label = fc.constantFrom(0 as const, 1 as const);
/** A truth that leaves something outside. */
const scenes = regions(24).filter(({ mask }) => mask.includes(0));

test("a scribble stays in its region, marks something, and has the label it was drawn with", () => {
  fc.assert(
    fc.property(regions(24), fc.nat(), label, ({ mask, grid }, seed, wanted) => {
      const { kind, label: drawn, pixels, points } = scribbleIn(Rng.seeded(seed), mask, grid, wanted);
      expect([kind, drawn]).toEqual(["scribble", wanted]);
      expect(pixels.includes(1)).toBe(true);
      expect(pixels.every((value, i) => value <= mask[i])).toBe(true);
      expect(points.every(([x, y]) => mask[y * grid.width + x] === 1)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("a scribble is thin: a stroke in an empty square of 64 covers at most five pixels a step", () => {
  const grid = { width: 64, height: 64 };
  const square = new Uint8Array(64 * 64).fill(1);
  const widths = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const { pixels, points } = scribbleIn(Rng.seeded(seed), square, grid, 1);
    const area = pixelsOf(pixels).length;
    expect(area).toBeLessThanOrEqual(5 * Math.SQRT2 * (points.length + 5));
    widths.add(Math.round(area / points.length));
  }
  expect(widths.size).toBeGreaterThan(1);
});

test("a brush stroke is as wide as mends most: a broad region's is broad, a thin one's thin, and its middle line is sure", () => {
  const grid = { width: 128, height: 128 };
  const valid = new Uint8Array(128 * 128).fill(1);
  const shown = new Uint8Array(128 * 128);
  const bar = (height: number) =>
    shown.map((_, i) => Number(Math.abs(Math.floor(i / 128) - 64) < height / 2 && i % 128 > 9 && i % 128 < 118));
  for (const [height, least, most] of [
    [31, 9, 14],
    [5, 3, 6],
    [1, 0.5, 1.5],
  ]) {
    const truth = bar(height);
    const prompt = brushIn(Rng.seeded(height), truth, { shown, truth, valid }, grid, 1);
    const width = pixelsOf(prompt.pixels).length / prompt.points.length;
    expect(width).toBeGreaterThan(least);
    expect(width).toBeLessThan(most);
    const sure = pixelsOf(sureOf(prompt, grid));
    expect(sure.every((i) => prompt.pixels[i] === 1)).toBe(true);
    expect(sure.length).toBeLessThan(1.1 * prompt.points.length);
    expect(sure.length).toBeGreaterThan(prompt.points.length / 2);
  }
});

test("a brush never paints the padding, and paints out what is shown wrongly", () => {
  fc.assert(
    fc.property(scenes, fc.nat(), ({ mask, grid }, seed) => {
      const valid = mask.map((value, i) => Number(value === 1 || i % grid.width < grid.width / 2));
      const extra = mask.map((value, i) => valid[i] & (1 - value));
      fc.pre(extra.includes(1));
      const shown = valid;
      const { label: drawn, pixels } = brushIn(Rng.seeded(seed), extra, { shown, truth: mask, valid }, grid, 0);
      expect(drawn).toBe(0);
      expect(pixels.every((value, i) => value <= valid[i])).toBe(true);
    }),
  );
});

test("a click marks the one pixel that is deepest in its region", () => {
  fc.assert(
    fc.property(regions(), label, ({ mask, grid }, wanted) => {
      const { kind, label: drawn, pixels, points } = clickIn(mask, grid, wanted);
      const [[x, y]] = points;
      expect([kind, drawn, pixelsOf(pixels)]).toEqual(["click", wanted, [y * grid.width + x]]);
      expect(mask[y * grid.width + x]).toBe(1);
    }),
  );
});

test("a loop is outside: never in the truth, never off the image", () => {
  fc.assert(
    fc.property(scenes, fc.nat(), fc.boolean(), ({ mask, grid }, seed, isCut) => {
      const valid = mask.map((value, i) => Number(value === 1 || !isCut || i % grid.width < grid.width / 2));
      fc.pre(valid.some((value, i) => value === 1 && mask[i] === 0));
      const { label: drawn, pixels } = loopAround(Rng.seeded(seed), mask, valid, grid);
      expect(drawn).toBe(0);
      expect(pixels.includes(1)).toBe(true);
      expect(pixels.every((value, i) => value === 0 || (valid[i] === 1 && mask[i] === 0))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("a loop goes all the way round: no steps over sides lead from the object to the image's border but across it", () => {
  const grid: Grid = { width: 64, height: 64 };
  const everywhere = new Uint8Array(64 * 64).fill(1);
  for (let seed = 0; seed < 20; seed++) {
    const rng = Rng.seeded(seed);
    const [cx, cy, rx, ry] = [rng.between(26, 38), rng.between(26, 38), rng.between(3, 14), rng.between(3, 14)];
    const truth = everywhere.map((_, i) => {
      const [x, y] = [i % 64, Math.floor(i / 64)];
      return Number(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1);
    });
    const { pixels } = loopAround(rng, truth, everywhere, grid);
    expect(reachesTop(pixels, truth, grid), `seed ${seed}`).toBe(false);
  }
});

/** Whether the object reaches the top row by steps over sides that avoid the loop. */
function reachesTop(loop: Uint8Array, truth: Uint8Array, { width }: Grid): boolean {
  const seen = truth.slice();
  const queue = pixelsOf(truth);
  for (const i of queue) {
    if (i < width) return true;
    for (const next of [i - 1, i + 1, i - width, i + width]) {
      if (next < 0 || next >= seen.length || seen[next] || loop[next]) continue;
      seen[next] = 1;
      queue.push(next);
    }
  }
  return false;
}

test("a box is a filled rectangle that holds the truth, each side at most 3 % of the image off", () => {
  fc.assert(
    fc.property(regions(40), fc.nat(), ({ mask, grid }, seed) => {
      const { kind, points, pixels } = boxAround(Rng.seeded(seed), mask, grid);
      const [[left, top], [right, bottom]] = points;
      expect(kind).toBe("box");
      const drawn = Uint8Array.from(pixels, (_, i) => {
        const [x, y] = [i % grid.width, Math.floor(i / grid.width)];
        return Number(x >= left && x <= right && y >= top && y <= bottom);
      });
      expect(pixels).toEqual(drawn);
      const bounds = boundsOf(mask, grid)!;
      const slack = Math.round(0.03 * grid.height);
      const off = [
        bounds.x - left,
        bounds.y - top,
        right - (bounds.x + bounds.width - 1),
        bottom - (bounds.y + bounds.height - 1),
      ];
      expect(off.every((by) => by >= 0 && by <= slack)).toBe(true);
    }),
  );
});

test("the same generator draws the same, another draws another", () => {
  const grid = { width: 32, height: 32 };
  const region = Uint8Array.from({ length: 1024 }, (_, i) => Number(Math.hypot((i % 32) - 16, (i >> 5) - 16) < 9));
  const everywhere = new Uint8Array(1024).fill(1);
  const drawn = (seed: number) => [
    scribbleIn(Rng.seeded(seed), region, grid, 1),
    loopAround(Rng.seeded(seed), region, everywhere, grid),
    boxAround(Rng.seeded(seed), region, grid),
  ];
  expect(drawn(1)).toEqual(drawn(1));
  // Some draw the whole centre line, one loop and one box, of which there are few.
  expect(new Set(Array.from({ length: 10 }, (_, seed) => JSON.stringify(drawn(seed)))).size).toBeGreaterThan(7);
});
