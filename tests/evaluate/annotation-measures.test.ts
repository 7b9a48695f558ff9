import { describe, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import {
  differences,
  humanSeconds,
  type Interaction,
  type MeasuredCase,
  measureAnnotation,
  summarise,
} from "../../src/evaluate/index.ts";

const REACHES: readonly Interaction[] = [
  { action: "stroke inside", ink: 0.3, dice: 0.5 },
  { action: "pick", ink: 0, dice: 0.8 },
  { action: "stroke outside", ink: 0.6, dice: 0.9 },
  { action: "stroke inside", ink: 1.2, dice: 0.96 },
];
const NEVER: readonly Interaction[] = Array.from({ length: 20 }, () => ({ action: "pick", ink: 0, dice: 0.4 }));

describe("seconds", () => {
  test("a stroke is prepared, pointed at, pressed and released, and drawn at 0.6 image sides a second", () => {
    expect(humanSeconds("stroke inside", 0)).toBeCloseTo(2.5, 12);
    expect(humanSeconds("stroke outside", 1.2)).toBeCloseTo(4.5, 12);
  });

  test("taking a candidate is prepared, compared and a key", () => {
    expect(humanSeconds("pick", 0)).toBeCloseTo(2.2, 12);
  });
});

describe("one annotation", () => {
  test("is measured until it reaches 0.9, and its last Dice holds to the end of the curve", () => {
    const measured = measureAnnotation(REACHES);
    expect(measured).toMatchObject({ "dice@1": 0.5, "dice@3": 0.9, "dice@5": 0.96, "dice@10": 0.96, noi: 3, never: 0 });
    expect(measured.auc).toBeCloseTo((0.5 + 0.8 + 0.9 + 17 * 0.96) / 20, 12);
    expect(measured.ink).toBeCloseTo(0.9, 12);
    expect(measured.seconds).toBeCloseTo(2.5 + 0.5 + 2.2 + 2.5 + 1, 12);
  });

  test("costs all of its interactions where it never reaches 0.9", () => {
    expect(measureAnnotation(NEVER)).toMatchObject({ noi: 20, never: 1, seconds: expect.closeTo(44, 9) });
  });
});

describe("several", () => {
  const cases: MeasuredCase[] = [
    { image: "a", measured: measureAnnotation(REACHES) },
    { image: "a", measured: measureAnnotation(REACHES) },
    { image: "b", measured: measureAnnotation(NEVER) },
  ];

  test("give means over cases, and intervals from resampling images: two images give three means", () => {
    const { noi, never } = summarise(cases, Rng.seeded(1));
    expect(noi.value).toBeCloseTo(26 / 3, 12);
    expect([noi.low, noi.high]).toEqual([3, 20]);
    expect(never).toMatchObject({ low: 0, high: 1 });
  });

  test("structures of one image move together", () => {
    const one = cases.map(({ measured }) => ({ image: "a", measured }));
    const { noi } = summarise(one, Rng.seeded(1));
    expect(noi.low).toBe(noi.high);
  });

  test("differ case by case, the first minus the second", () => {
    const other = cases.map(({ image }) => ({ image, measured: measureAnnotation(NEVER) }));
    expect(differences(cases, other).map(({ measured }) => measured.noi)).toEqual([-17, -17, 0]);
    expect(differences(cases, other)[0].measured["dice@1"]).toBeCloseTo(0.1, 12);
  });
});
