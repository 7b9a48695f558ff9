import fc from "fast-check";
import { expect, test } from "vitest";
import { type Affine, orientationOf, spacingOf, type VoxelData, worldOf } from "../../src/image/index.ts";
import {
  grayScaleOf,
  PLANE_NAMES,
  type Plane,
  pixelOf,
  planesOf,
  sliceImage,
  stepsOf,
  type Voxel,
  voxelAt,
} from "../../src/image/slices.ts";

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;
const SPACING = [0.5, 2, 3.5];

/** All 48 ways in which three axes can lie along the patient's, with a spacing of its own for each. */
const STRAIGHT: readonly Affine[] = ORDERS.flatMap((order) =>
  Array.from({ length: 8 }, (_, signs) => {
    const rows = [0, 1, 2].map((world) =>
      [0, 1, 2].map((axis) => (order[axis] === world ? SPACING[axis] * (signs & (1 << axis) ? -1 : 1) : 0)),
    );
    return rows.flatMap((row, world) => [...row, 10 * world]) as unknown as Affine;
  }),
);

/** Turns about x, then z, in degrees. */
function turned(affine: Affine, aboutX: number, aboutZ: number): Affine {
  const [a, b] = [(aboutX * Math.PI) / 180, (aboutZ * Math.PI) / 180];
  const column = (axis: number) => {
    const [x, y, z] = [affine[axis], affine[4 + axis], affine[8 + axis]];
    const [y1, z1] = [y * Math.cos(a) - z * Math.sin(a), y * Math.sin(a) + z * Math.cos(a)];
    return [x * Math.cos(b) - y1 * Math.sin(b), x * Math.sin(b) + y1 * Math.cos(b), z1];
  };
  const columns = [0, 1, 2, 3].map(column);
  return [0, 1, 2].flatMap((row) => columns.map((values) => values[row])) as unknown as Affine;
}

const affines = fc.oneof(
  fc.constantFrom(...STRAIGHT),
  fc
    .tuple(fc.constantFrom(...STRAIGHT), fc.integer({ min: -35, max: 35 }), fc.integer({ min: -35, max: 35 }))
    .map(([affine, x, z]) => turned(affine, x, z)),
);
const sizes = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 1, max: 6 }))) as fc.Arbitrary<
  [number, number, number]
>;
const names = fc.constantFrom(...PLANE_NAMES);

/** The patient's direction from a slice's middle to one edge of the screen, in mm, RAS. */
function towards(plane: Plane, toWorld: Affine, dx: number, dy: number): number[] {
  const [from, to] = [worldOf(toWorld, voxelAt(plane, 0, [0, 0])), worldOf(toWorld, voxelAt(plane, 0, [dx, dy]))];
  return to.map((value, axis) => value - from[axis]);
}

const LETTER_STEPS: Readonly<Record<string, readonly [world: number, sign: number]>> = {
  R: [0, 1],
  L: [0, -1],
  A: [1, 1],
  P: [1, -1],
  S: [2, 1],
  I: [2, -1],
};

test("every voxel is one pixel of one slice, and the pixel leads back to it", () => {
  fc.assert(
    fc.property(affines, sizes, names, (toWorld, size, name) => {
      const plane = planesOf({ size, toWorld })[name];
      expect(plane.count * plane.width * plane.height).toBe(size[0] * size[1] * size[2]);
      const seen = new Set<number>();
      for (let slice = 0; slice < plane.count; slice++) {
        const { first, right, down } = stepsOf(size, plane, slice);
        for (let y = 0; y < plane.height; y++) {
          for (let x = 0; x < plane.width; x++) {
            const voxel = voxelAt(plane, slice, [x, y]);
            const index = voxel[0] + size[0] * (voxel[1] + size[1] * voxel[2]);
            expect(first + x * right + y * down).toBe(index);
            expect(pixelOf(plane, voxel)).toEqual({ slice, x, y });
            seen.add(index);
          }
        }
      }
      expect(seen.size).toBe(size[0] * size[1] * size[2]);
    }),
  );
});

test("in all 48 orientations the planes lie the radiological way", () => {
  expect(STRAIGHT).toHaveLength(48);
  expect(new Set(STRAIGHT.map((affine) => orientationOf(affine).letters)).size).toBe(48);
  for (const toWorld of STRAIGHT) {
    const planes = planesOf({ size: [4, 5, 6], toWorld });
    expect(planes.axial.letters).toEqual({ left: "R", right: "L", top: "A", bottom: "P" });
    expect(planes.coronal.letters).toEqual({ left: "R", right: "L", top: "S", bottom: "I" });
    expect(planes.sagittal.letters).toEqual({ left: "A", right: "P", top: "S", bottom: "I" });
  }
});

test("the letters at the screen's edges are where the patient is, also of oblique volumes", () => {
  fc.assert(
    fc.property(affines, names, (toWorld, name) => {
      const plane = planesOf({ size: [4, 5, 6], toWorld })[name];
      const { left, right, top, bottom } = plane.letters;
      for (const [letters, dx, dy] of [
        [left, -1, 0],
        [right, 1, 0],
        [top, 0, -1],
        [bottom, 0, 1],
      ] as const) {
        const step = towards(plane, toWorld, dx, dy);
        const length = Math.hypot(...step);
        const found = [...letters].map((letter) => {
          const [world, sign] = LETTER_STEPS[letter];
          return (sign * step[world]) / length;
        });
        expect(found[0]).toBeGreaterThan(0.57);
        if (found.length > 1) expect(found[1]).toBeGreaterThanOrEqual(0.2);
        const others = step.map((value) => Math.abs(value) / length).sort((a, b) => b - a);
        expect(found[0]).toBeCloseTo(others[0], 9);
        expect(found.length).toBe(others[1] >= 0.2 ? 2 : 1);
      }
    }),
  );
});

test("an edge that is slanted has two letters", () => {
  const planes = planesOf({ size: [4, 5, 6], toWorld: turned([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], 20, 0) });
  expect(planes.axial.letters).toEqual({ left: "R", right: "L", top: "AS", bottom: "PI" });
});

test("a pixel is as tall and as large as its voxel's sides say", () => {
  for (const toWorld of STRAIGHT) {
    const spacing = spacingOf({ toWorld });
    for (const plane of Object.values(planesOf({ size: [4, 5, 6], toWorld }))) {
      expect(plane.aspect).toBeCloseTo(spacing[plane.down.axis] / spacing[plane.right.axis], 9);
      expect(plane.pixelArea).toBeCloseTo(spacing[plane.down.axis] * spacing[plane.right.axis], 9);
    }
  }
});

test("across a tilted gantry's slices a pixel is a parallelogram: what is labelled has one area and one volume", () => {
  // Slices 2 mm above each other, each 1 mm further to the front.
  const toWorld: Affine = [0.5, 0, 0, 0, 0, 0.5, 1, 0, 0, 0, 2, 0];
  const { axial, coronal, sagittal } = planesOf({ size: [4, 5, 6], toWorld });
  expect(axial.pixelArea).toBeCloseTo(0.25, 12);
  expect(coronal.pixelArea).toBeCloseTo(0.5 * Math.hypot(1, 2), 12);
  expect(sagittal.pixelArea).toBeCloseTo(0.5 * 2, 12);
});

const RAS: Affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

function shown(data: VoxelData, slope = 1, intercept = 0) {
  const size = [data.length, 1, 1] as const;
  const scale = grayScaleOf({ data, slope, intercept });
  const plane = planesOf({ size, toWorld: RAS }).axial;
  const { data: values, maximum } = sliceImage({ size, data }, scale, plane, 0);
  // The axial slice of a RAS volume is mirrored.
  return { scale, maximum, values: [...values].reverse() };
}

test("whole numbers within 65,536 levels are kept, and the intensity is told from the value", () => {
  const integers = fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 1, maxLength: 20 });
  const slopes = fc.double({ min: 0.01, max: 10, noNaN: true }).chain((slope) => fc.constantFrom(slope, -slope));
  fc.assert(
    fc.property(integers, slopes, fc.double({ min: -2000, max: 2000, noNaN: true }), (stored, slope, intercept) => {
      const { scale, values, maximum } = shown(Int16Array.from(stored), slope, intercept);
      expect(maximum).toBe(scale.top <= 255 ? 255 : 65535);
      expect(scale.step).toBeGreaterThan(0);
      stored.forEach((value, i) => {
        expect(scale.offset + scale.step * values[i]).toBeCloseTo(slope * value + intercept, 6);
      });
      expect(Math.min(...values)).toBe(0);
      expect(Math.max(...values)).toBe(scale.top);
    }),
  );
});

test("other numbers are scaled to 65,536 levels, rounded by less than one", () => {
  const { scale, values } = shown(Float32Array.of(-1.5, 0, 0.25, 2.5), 2, 1);
  expect([values[0], values[3]]).toEqual([0, 65535]);
  [-2, 1, 1.5, 6].forEach((intensity, i) => {
    expect(Math.abs(scale.offset + scale.step * values[i] - intensity)).toBeLessThanOrEqual(scale.step);
  });
  const wide = shown(Int32Array.of(-2_000_000_000, 0, 2_000_000_000));
  expect(wide.values).toEqual([0, 32768, 65535]);
});

test("what is no number shows as the darkest, infinity as the brightest, and a volume of one value as itself", () => {
  const { values } = shown(Float32Array.of(Number.NaN, 1, 3, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY));
  expect(values).toEqual([0, 0, 65535, 65535, 0]);
  expect(shown(Float64Array.of(7.5, 7.5))).toMatchObject({ values: [0, 0], scale: { offset: 7.5, top: 0 } });
  expect(shown(Float32Array.of(Number.NaN)).values).toEqual([0]);
});

test("a slice holds the voxels that its pixels name", () => {
  fc.assert(
    fc.property(affines, sizes, names, (toWorld, size, name) => {
      const data = Uint16Array.from({ length: size[0] * size[1] * size[2] }, (_, i) => 3 * i);
      const plane = planesOf({ size, toWorld })[name];
      const scale = grayScaleOf({ data, slope: 1, intercept: 0 });
      const image = sliceImage({ size, data }, scale, plane, plane.count - 1);
      const [x, y] = [plane.width - 1, plane.height >> 1];
      const [i, j, k]: Voxel = voxelAt(plane, plane.count - 1, [x, y]);
      expect(image.data[y * plane.width + x]).toBe(data[i + size[0] * (j + size[1] * k)]);
    }),
  );
});
