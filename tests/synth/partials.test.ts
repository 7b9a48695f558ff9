/** Properties of label maps, pairs of partial segmentations and batches of them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { DISKS, drawBatch, drawPair, makeDiskSet, PAIRS, smoothLabelMap, unionOf } from "../../src/synth/index.ts";

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

test("a label map holds the given labels and is smooth: neighbours mostly share one", () => {
  const shares: number[] = [];
  for (let seed = 0; seed < 50; seed++) {
    const map = smoothLabelMap(Rng.seeded(seed), 32, 16);
    expect(map).toHaveLength(1024);
    expect(Math.max(...map)).toBeLessThan(16);
    expect(new Set(map).size).toBeGreaterThan(3);
    const same = [...map.keys()].filter((i) => i % 32 < 31 && map[i] === map[i + 1]).length;
    shares.push(same / (32 * 31));
  }
  // Of 16 labels at random, 6 in 100 neighbours would share one.
  expect(sum(shares) / shares.length).toBeGreaterThan(0.75);
});

test("every label is equally likely", () => {
  const counts = new Array<number>(4).fill(0);
  for (let seed = 0; seed < 400; seed++) for (const label of smoothLabelMap(Rng.seeded(seed), 16, 4)) counts[label]++;
  for (const count of counts) expect(Math.abs(count / (400 * 256) - 0.25)).toBeLessThan(0.03);
});

test("each pixel has the label whose interpolated noise is largest", () => {
  // The definition, one label at a time, from the same numbers.
  const [size, labels, points] = [8, 5, 5];
  const noise = Rng.seeded(3).normals(labels * points * points);
  const at = (label: number, y: number, x: number) => noise[(label * points + y) * points + x];
  const map = smoothLabelMap(Rng.seeded(3), size, labels);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      const [y, x, fy, fx] = [i >> 1, j >> 1, (i % 2) / 2, (j % 2) / 2];
      const values = Array.from({ length: labels }, (_, label) => {
        const row = (r: number) => at(label, r, x) * (1 - fx) + at(label, r, x + 1) * fx;
        return row(y) * (1 - fy) + row(y + 1) * fy;
      });
      expect(map[i * size + j]).toBe(values.indexOf(Math.max(...values)));
    }
});

const pairOptions = fc
  .record({
    given: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 })),
    added: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 })),
    more: fc.nat(6),
  })
  .map(({ given: [g, dg], added: [a, da], more }) => ({
    labels: g + dg + a + da + more,
    given: [g, g + dg] as const,
    added: [a, a + da] as const,
  }));

test("x lies in y, both equal the truth where they are segmented, x is not empty and y adds something", () => {
  fc.assert(
    fc.property(fc.nat(), pairOptions, (seed, pairs) => {
      const rng = Rng.seeded(seed);
      const truth = smoothLabelMap(rng.at("truth"), 32, 2);
      const { x, y } = drawPair(rng, truth, 32, pairs);
      for (const partial of [x, y]) {
        expect([partial.width, partial.height]).toEqual([32, 32]);
        expect(partial.partialness.every((value) => value <= 1)).toBe(true);
        expect(partial.segmentation).toEqual(truth.map((value, i) => value & partial.partialness[i]));
      }
      expect(x.partialness.every((value, i) => value <= y.partialness[i])).toBe(true);
      expect(sum(x.partialness)).toBeGreaterThan(0);
      expect(sum(y.partialness)).toBeGreaterThan(sum(x.partialness));
    }),
    { numRuns: 200 },
  );
});

test("a batch puts each image with partial segmentations of a non-empty union of its own disks", () => {
  const set = makeDiskSet(Rng.seeded(1), "train", 5, DISKS);
  const seen = new Set<number>();
  for (let step = 0; step < 20; step++) {
    const batch = drawBatch(Rng.seeded(2).at(step), set, 8, 32, PAIRS);
    const of = (plane: Float32Array, n: number) => plane.subarray(n * 1024, (n + 1) * 1024);
    for (const [n, index] of batch.indices.entries()) {
      seen.add(index);
      expect(of(batch.image, n)).toEqual(set[index].image);
      const subsets = Array.from({ length: 7 }, (_, i) => unionOf(set[index].disks, i + 1));
      const fits = subsets.some((truth) =>
        truth.every((value, i) => of(batch.ym, n)[i] === 0 || of(batch.ys, n)[i] === value),
      );
      expect(fits).toBe(true);
      expect(of(batch.xm, n).every((value, i) => value <= of(batch.ym, n)[i])).toBe(true);
      expect(of(batch.xs, n)).toEqual(of(batch.ys, n).map((value, i) => value * of(batch.xm, n)[i]));
    }
  }
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
});

test("a union of disks holds the pixels of the disks whose bit is set", () => {
  const disks = [Uint8Array.of(1, 0, 0, 0), Uint8Array.of(0, 1, 0, 0), Uint8Array.of(0, 0, 1, 0)];
  for (let subset = 0; subset < 8; subset++)
    expect(unionOf(disks, subset)).toEqual(Uint8Array.of(subset & 1, (subset >> 1) & 1, subset >> 2, 0));
});

test("the same generator draws the same batch, the next step another", () => {
  const set = makeDiskSet(Rng.seeded(1), "train", 5, DISKS);
  const draw = (step: number) => drawBatch(Rng.seeded(2).at(step), set, 4, 32, PAIRS);
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7).xm).not.toEqual(draw(8).xm);
});
