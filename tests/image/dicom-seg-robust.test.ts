/** P1 for DICOM segmentations: whatever the bytes are, a label map comes out or an `ImageFormatError`, and soon. */
import { expect, test } from "vitest";
import { decodeDicomSeg } from "../../src/image/dicom-seg-read.ts";
import { ImageFormatError } from "../../src/image/errors.ts";
import type { Volume } from "../../src/image/volume.ts";
import { copyWithin, cut, flip, type Mutate, mutate, mutations, pick } from "../fuzzing.ts";
import { cheaply } from "./bombs.ts";
import { emptyLabels, encode, fixture, seriesVolume } from "./seg-source.ts";

const names = { source: "seg.dcm", image: "the series" };
const axial = seriesVolume("axial");
const sound = encode({ volume: axial, labels: emptyLabels(axial).map((_, at) => at % 3) });
/** Ours, and others with the series that they lie on. */
const FILES: readonly (readonly [Uint8Array, Volume])[] = [
  [sound, axial],
  [fixture("seg-fractional.dcm"), seriesVolume("sagittal")],
  [fixture("seg-frames.dcm"), seriesVolume("enhanced")],
  [fixture("seg-overlap.dcm"), seriesVolume("oblique")],
  [fixture("seg-reversed.dcm"), axial],
];

/** Fails when labels are there that no segment has, or that lie outside. */
function requireLabels(bytes: Uint8Array, volume: Volume): void {
  const { labels, segments } = decodeDicomSeg(bytes, volume, names);
  const known = new Set([0, ...segments.map(({ value }) => value)]);
  if (labels.length !== 140) throw new Error(`${labels.length} labels`);
  for (const value of labels) if (!known.has(value)) throw new Error(`label ${value}`);
}

/** The reason, or null when it was opened; any error but a typed one fails the test. */
function refusal(bytes: Uint8Array, volume: Volume): ImageFormatError | null {
  try {
    requireLabels(bytes, volume);
    return null;
  } catch (error) {
    if (!(error instanceof ImageFormatError)) throw error;
    return error;
  }
}

test("a segmentation that is cut at any byte up to 4 KiB is refused", () => {
  for (const [whole, volume] of FILES) {
    expect(refusal(whole, volume)).toBeNull();
    // The byte that makes the pixels' length even holds none of them: without it, all is there.
    const padding = refusal(whole.subarray(0, whole.length - 1), volume) === null ? 1 : 0;
    for (let length = 0; length < whole.length - padding; length += length < 4096 ? 1 : 97)
      expect(refusal(whole.subarray(0, length), volume)?.message).toMatch(/^seg\.dcm /);
  }
});

/** Digits are what geometry and counts are written with. */
const digit: Mutate = (rng, bytes) => {
  for (let at = 132 + rng.below(bytes.length - 132); at < bytes.length; at++)
    if (bytes[at] >= 0x30 && bytes[at] <= 0x39) {
      bytes[at] = 0x30 + rng.below(10);
      break;
    }
  return bytes;
};
const letter: Mutate = (rng, bytes) => {
  bytes[rng.below(bytes.length)] = pick(rng, [0, 1, 0x7f, 0x80, 0xff, 0x5c, 0x20, 0x2d]);
  return bytes;
};
/** The length of an element that has two letters for its representation, or the item's in front of one. */
const length: Mutate = (rng, bytes) => {
  const isCapital = (byte: number) => byte >= 0x41 && byte <= 0x5a;
  for (let at = 132 + rng.below(bytes.length - 132); at < bytes.length - 8; at++)
    if (isCapital(bytes[at]) && isCapital(bytes[at + 1])) {
      bytes[at + pick(rng, [-6, -5, -4, 2, 3, 4, 5, 6])] = pick(rng, [0, 1, 2, 7, 0x7f, 0xff]);
      break;
    }
  return bytes;
};
const fill: Mutate = (rng, bytes) => {
  const at = rng.below(bytes.length);
  return bytes.fill(0xff, at, at + 1 + rng.below(4));
};

// What is drawn for a file is read on its series.
let drawn = FILES[0];
mutations("SEG", {
  draw: (rng, round) => {
    drawn = FILES[round % FILES.length];
    return mutate(rng, drawn[0], [digit, digit, letter, length, fill, flip, cut, copyWithin]);
  },
  read: (bytes) => requireLabels(bytes, drawn[1]),
  readShare: [0.1, 0.9],
});

const nest = Buffer.from([
  0x08, 0, 0x15, 0x11, 0x53, 0x51, 0, 0, 255, 255, 255, 255, 0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255,
]);
const start = sound.subarray(0, Buffer.from(sound).indexOf(Buffer.from([0x08, 0, 0x05, 0])));
const after = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat([start, ...parts]));

/** With another value of an element, found by its first bytes. */
function changed(head: readonly number[], value: readonly number[]): Uint8Array {
  const bytes = sound.slice();
  bytes.set(value, Buffer.from(bytes).indexOf(Buffer.from(head)) + 8);
  return bytes;
}

test.each([
  ["65,535 rows", "cut-short", () => changed([0x28, 0, 0x10, 0, 0x55, 0x53], [0xff, 0xff])],
  ["99 million frames", "bad-header", () => changed([0x28, 0, 0x08, 0, 0x49, 0x53], [0x39, 0x39])],
  ["sequences in each other, 100,000 deep", "too-large", () => after(Buffer.alloc(nest.length * 100_000, nest))],
  [
    "two million empty items",
    "too-large",
    () =>
      after(
        nest.subarray(0, 12),
        Buffer.alloc(16e6, nest.subarray(12, 16)).map((_, i) => (i % 8 < 4 ? nest[12 + (i % 8)] : 0)),
      ),
  ],
  [
    "a million empty elements",
    "too-large",
    () => after(Buffer.alloc(8 * 1_100_000, Buffer.from([9, 0, 1, 16, 0x4c, 0x4f, 0, 0]))),
  ],
])("a segmentation that is a bomb is refused cheaply: %s", async (_, code, make) => {
  const bytes = make();
  const error = await cheaply(bytes, () => refusal(bytes, axial));
  expect(error?.code).toBe(code);
});
