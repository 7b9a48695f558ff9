import fc from "fast-check";
import { expect, test } from "vitest";
import { type Kind, outlines, sampleKinds } from "../../src/app/mask-tiles.ts";
import { boundsOfDelta } from "../../src/app/open-image.ts";

const pictures = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })).chain(([width, height]) =>
  fc.record({
    width: fc.constant(width),
    height: fc.constant(height),
    data: fc.array(fc.constantFrom<Kind>(0, 1, 2), { minLength: width * height, maxLength: width * height }),
  }),
);

/** Unit edges of lines, each as "x,y,h" or "x,y,v" for the edge right of or below the corner. */
function unitEdges(lines: readonly number[], x: number, y: number): string[] {
  const edges: string[] = [];
  for (let i = 0; i < lines.length; i += 4) {
    const [x0, y0, x1, y1] = lines.slice(i, i + 4);
    for (let px = x0; px < x1; px++) edges.push(`${x + px},${y + y0},h`);
    for (let py = y0; py < y1; py++) edges.push(`${x + x0},${y + py},v`);
  }
  return edges;
}

test("the outlines of neighbouring squares together are every edge of the labels, each once", () => {
  fc.assert(
    fc.property(pictures, fc.integer({ min: 1, max: 5 }), ({ width, height, data }, side) => {
      const kindAt = (x: number, y: number) => data[y * width + x];
      const drawn: string[] = [];
      for (let y = 0; y < height; y += side) {
        for (let x = 0; x < width; x += side) {
          const box = { x, y, width: Math.min(side, width - x), height: Math.min(side, height - y) };
          drawn.push(...unitEdges(outlines(sampleKinds(box, { width, height }, kindAt), box, 1), x, y));
        }
      }
      const is = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && kindAt(x, y) === 1;
      const expected: string[] = [];
      for (let y = 0; y <= height; y++) {
        for (let x = 0; x <= width; x++) {
          if (is(x, y) !== is(x, y - 1)) expected.push(`${x},${y},h`);
          if (is(x, y) !== is(x - 1, y)) expected.push(`${x},${y},v`);
        }
      }
      expect(drawn.sort()).toEqual(expected.sort());
    }),
  );
});

test("the box of a change holds exactly the rows it touches, and whole rows where a run wraps", () => {
  expect(boundsOfDelta([], 10)).toBeNull();
  expect(boundsOfDelta([23, 4, 0, 1, 35, 2, 0, 1], 10)).toEqual({ x: 3, y: 2, width: 4, height: 2 });
  expect(boundsOfDelta([28, 4, 0, 1], 10)).toEqual({ x: 0, y: 2, width: 10, height: 2 });
  expect(boundsOfDelta([29, 1, 0, 1], 10)).toEqual({ x: 9, y: 2, width: 1, height: 1 });
});
