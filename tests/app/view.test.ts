import fc from "fast-check";
import { expect, test } from "vitest";
import { fitView, levelFor, panBy, toImage, toScreen, type View, zoomAt } from "../../src/app/view.ts";

const screen = { width: 1048, height: 660 };
const sizes = fc.record({
  width: fc.integer({ min: 1, max: 9000 }),
  height: fc.integer({ min: 1, max: 9000 }),
  aspect: fc.constantFrom(1, 0.2, 3.7),
});
const points = fc.tuple(fc.integer({ min: 0, max: 1048 }), fc.integer({ min: 0, max: 660 }));

test("a fitted image lies on the screen as a whole, in its middle", () => {
  fc.assert(
    fc.property(sizes, (image) => {
      const { scale, x, y } = fitView(image, screen);
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(2 * x + scale * image.width).toBeCloseTo(screen.width, 6);
      expect(2 * y + scale * image.aspect * image.height).toBeCloseTo(screen.height, 6);
    }),
  );
});

test("screen and image positions are each other's inverse, and integers are pixel centres", () => {
  const view: View = { scale: 4, aspect: 2, x: 100, y: 50 };
  expect(toScreen(view, [0, 0])).toEqual([102, 54]);
  fc.assert(
    fc.property(points, (point) => {
      const [x, y] = toScreen(view, toImage(view, point));
      expect(x).toBeCloseTo(point[0], 9);
      expect(y).toBeCloseTo(point[1], 9);
    }),
  );
});

test("zooming leaves the image point under the cursor where it is", () => {
  const image = { width: 320, height: 243, aspect: 1.5 };
  const before = fitView(image, screen);
  const at = [500, 300] as const;
  const after = zoomAt(before, 1.7, at, image, screen);
  expect(after.scale).toBeCloseTo(before.scale * 1.7, 9);
  expect(toImage(after, at)[0]).toBeCloseTo(toImage(before, at)[0], 9);
  expect(toImage(after, at)[1]).toBeCloseTo(toImage(before, at)[1], 9);
});

test("whatever is panned and zoomed, some of the image stays on the screen", () => {
  const steps = fc.array(fc.tuple(points, fc.double({ min: 0.01, max: 100, noNaN: true }), points), { maxLength: 20 });
  fc.assert(
    fc.property(sizes, steps, (image, moves) => {
      let view = fitView(image, screen);
      for (const [at, factor, by] of moves)
        view = panBy(zoomAt(view, factor, at, image, screen), [by[0] * 9, -by[1] * 9], image, screen);
      const visible = Math.min(view.x + view.scale * image.width, screen.width) - Math.max(0, view.x);
      expect(visible).toBeGreaterThan(0);
      expect(view.scale).toBeGreaterThan(0);
    }),
  );
});

test("an image drawn small comes from the halving whose pixels are one to two device pixels", () => {
  for (const scale of [4, 1, 0.9, 0.5, 0.3, 0.125, 0.09]) {
    const size = scale * 2 ** levelFor({ scale, aspect: 1, x: 0, y: 0 }, 1, 10);
    expect(size).toBeGreaterThanOrEqual(1);
    if (scale < 1) expect(size).toBeLessThanOrEqual(2);
  }
  expect(levelFor({ scale: 0.001, aspect: 1, x: 0, y: 0 }, 1, 3)).toBe(2);
});
