import { expect, test } from "vitest";
import { unitOf, volumePresets } from "../../src/app/volume-window.ts";
import { grayScaleOf, type Volume, type VoxelData } from "../../src/image/index.ts";

function volume(data: VoxelData, more: Partial<Volume> = {}): Volume {
  return {
    size: [data.length, 1, 1],
    data,
    slope: 1,
    intercept: 0,
    toWorld: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    modality: null,
    windows: [],
    notes: [],
    origin: { kind: "other" },
    ...more,
  };
}

/** The presets in intensities: name, width, level. */
function said(of: Volume) {
  const scale = grayScaleOf(of);
  const { presets, first } = volumePresets(of, scale);
  const words = ({ name, low, high }: (typeof presets)[number]) => {
    const [width, level] = [(high - low) * scale.step, scale.offset + ((low + high) / 2) * scale.step];
    return `${name} W ${Number(width.toPrecision(4))} L ${Number(level.toPrecision(4))}`;
  };
  return { presets: presets.map(words), first: words(first), unit: unitOf(of, scale) };
}

const HOUNSFIELD = Int16Array.from({ length: 2000 }, (_, i) => i - 1000);
const CT = ["soft tissue W 400 L 40", "lung W 1500 L -600", "bone W 1800 L 400", "brain W 80 L 40"];

test("CT has the windows of CT, whether the file says so or its values do, also where they are stored shifted", () => {
  expect(said(volume(HOUNSFIELD))).toEqual({ presets: CT, first: CT[0], unit: " HU" });
  expect(said(volume(Int16Array.of(0, 40, 80), { modality: "CT" })).presets).toEqual(CT);
  const shifted = Uint16Array.from(HOUNSFIELD, (value) => value + 1024);
  expect(said(volume(shifted, { intercept: -1024 })).presets).toEqual(CT);
});

test("what says that it is no CT is none, and what has no air or no whole numbers does not look like one", () => {
  for (const other of [
    volume(HOUNSFIELD, { modality: "MR" }),
    volume(HOUNSFIELD.map((value) => Math.max(value, -200))),
    volume(Float32Array.from(HOUNSFIELD, (value) => value / 3)),
  ])
    expect(said(other)).toMatchObject({ unit: "", first: expect.stringMatching(/^auto/) });
});

test("other volumes have the full range, the middle 98 %, the dark and the bright half", () => {
  const { presets, first } = said(volume(Int16Array.from({ length: 1001 }, (_, i) => 100 + i)));
  expect(presets).toEqual([
    "full range W 1000 L 600",
    "auto 1–99 % W 980 L 600",
    "dark W 490 L 355",
    "bright W 490 L 845",
  ]);
  expect(first).toBe(presets[1]);
});

test("a window of the file's own comes first", () => {
  const windows = [{ name: "file", center: 50, width: 20 }];
  expect(said(volume(Int16Array.of(0, 50, 100), { windows }))).toMatchObject({
    first: "file W 20 L 50",
    presets: ["file W 20 L 50", expect.stringMatching(/^full/), expect.anything(), expect.anything()],
  });
  expect(said(volume(HOUNSFIELD, { windows })).first).toBe("file W 20 L 50");
});

test("a volume of one value still has windows of some width", () => {
  const of = volume(Int16Array.of(7, 7, 7));
  for (const { low, high } of volumePresets(of, grayScaleOf(of)).presets) expect(high).toBeGreaterThan(low);
});
