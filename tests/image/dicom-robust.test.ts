import { constants, deflateRawSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { listDicom } from "../../src/image/dicom.ts";
import { ImageFormatError } from "../../src/image/index.ts";
import { mutate, mutations } from "../fuzzing.ts";
import { cheaply } from "./bombs.ts";
import { decodeOne, golden, goldenFiles } from "./dicom.ts";
import * as build from "./dicom-build.ts";

const SMALL = [
  "explicit-u8",
  "explicit-s12",
  "implicit-u16",
  "big-u12",
  "deflated-s16",
  "no-preamble",
  "no-meta-implicit",
  "jpeg-lossless-u12",
  "jpeg-ls-s16",
  "jpeg-2000-u12",
  "htj2k-u8",
  "rle-rgb",
  "jpeg-422",
  "frames-split",
  "enhanced",
  "enhanced-implicit",
  "enhanced-big",
  "palette-16",
  "nested",
].map((name) => `${name}.dcm`);

describe("a DICOM file cut at any byte up to 4 KiB is refused", () => {
  test.each(SMALL)("%s", async (name) => {
    const whole = golden(name);
    const opened: number[] = [];
    for (let length = 0; length < Math.min(4096, whole.length); length++)
      if (await opens(whole.subarray(0, length), `${length} bytes`)) opened.push(length);
    // The last byte pads a deflated file to an even length.
    const isPadded = name.startsWith("deflated") && whole.at(-1) === 0;
    expect(opened).toEqual(isPadded ? [whole.length - 1] : []);
  });
});

test.each(["explicit-s12.dcm", "no-meta-implicit.dcm"])(
  "%s with any one byte of its header changed is an image or refused with a reason",
  async (name) => {
    const bytes = golden(name);
    const end = Math.min(bytes.length, 1500);
    for (let at = name.startsWith("no-meta") ? 0 : 128; at < end; at++) {
      const own = bytes[at];
      for (let value = 0; value < 256; value++) {
        bytes[at] = value;
        await opens(bytes, `byte ${at} set to ${value}`);
      }
      bytes[at] = own;
    }
  },
  300_000,
);

const MUTATED = SMALL.filter((name) => !/implicit|big|no-preamble/.test(name)).map(golden);

mutations("DICOM", {
  draw: (rng, round) => mutate(rng, MUTATED[round % MUTATED.length], build.MUTATIONS),
  read: async (bytes) => {
    const refused = await refusalOf(bytes);
    if (refused) throw refused;
  },
  readShare: [1 / 50, 0.9],
});

const J2K = "1.2.840.10008.1.2.4.90";
const JPEG_LS = "1.2.840.10008.1.2.4.80";
const LOSSLESS = "1.2.840.10008.1.2.4.70";
const BASELINE = "1.2.840.10008.1.2.4.50";
const RLE = "1.2.840.10008.1.2.5";
const DEFLATED = "1.2.840.10008.1.2.1.99";

const BOMBS: readonly [string, string, () => Uint8Array][] = [
  ["sequences within each other, 100,000 deep", "too-large", () => nested(100_000, "SQ")],
  ["unknown elements without a length, 100,000 deep", "too-large", () => nested(100_000, "UN")],
  ["an element of 4 GiB", "cut-short", () => build.file([build.element(0x00091001, "OB", "", 0xfffffff0)])],
  ["pixels of 4 GiB", "cut-short", () => imageWith([build.element(0x7fe00010, "OW", "", 0xfffffffe)])],
  ["a sequence without an end", "cut-short", () => build.file([build.openSequence(0x00081140), build.openItem()])],
  [
    "1.2 million empty items",
    "too-large",
    () => repeated(build.openSequence(0x00081140), build.mark(0xfffee000), 1_200_000),
  ],
  [
    "1.2 million empty elements",
    "too-large",
    () => repeated(new Uint8Array(0), build.element(0x00091001, "LO", ""), 1_200_000),
  ],
  [
    "1.2 million empty fragments",
    "too-large",
    () =>
      repeated(
        Buffer.concat([...build.imageHead(), build.openSequence(0x7fe00010, "OB")]),
        build.mark(0xfffee000),
        1_200_000,
        J2K,
      ),
  ],
  ["2 billion frames", "too-large", () => imageWith([pixels(32)], { frames: "2000000000" })],
  [
    "10,000 frames that are not there",
    "cut-short",
    () => imageWith([pixels(32)], { frames: "10000", rows: 200, columns: 200 }),
  ],
  ["32,767 x 32,767 pixels", "too-large", () => imageWith([pixels(32)], { rows: 32_767, columns: 32_767 })],
  ["32,767 x 32,767 compressed pixels", "too-large", () => coded(J2K, [golden("htj2k-u8.dcm")], 32_767)],
  ["a JPEG that claims 65,535 x 65,535", "damaged", () => coded(BASELINE, [jpegHead(0xc0, 65_535)], 16)],
  ["a JPEG of 8,192 x 8,192 in a few bytes", "cut-short", () => coded(BASELINE, [jpegHead(0xc0, 8192)], 8192, 8)],
  [
    "a lossless JPEG of 8,192 x 8,192 in a few bytes",
    "cut-short",
    () => coded(LOSSLESS, [jpegHead(0xc3, 8192)], 8192, 8),
  ],
  ["JPEG-LS of 8,000 x 8,000 that ends early", "cut-short", () => coded(JPEG_LS, [jpegHead(0xf7, 8000)], 8000, 8)],
  ["JPEG-LS without its end mark", "cut-short", () => withoutEnd("jpeg-ls-near-u8.dcm")],
  ["JPEG 2000 of 8,000 x 8,000 in tiles of one pixel", "damaged", () => coded(J2K, [jpeg2000Head(8000, 1)], 8000, 8)],
  ["JPEG 2000 of 8,000 x 8,000 in a few bytes", "damaged", () => coded(J2K, [jpeg2000Head(8000, 8000)], 8000, 8)],
  [
    "10,000 frames of a few bytes, too many for a volume",
    "too-large",
    () => coded(J2K, Array(10_000).fill(jpeg2000Head(300, 300)), 300, 8, "10000"),
  ],
  [
    "10,000 frames of a few bytes",
    "damaged",
    () => coded(J2K, Array(10_000).fill(jpeg2000Head(200, 200)), 200, 8, "10000"),
  ],
  ["JPEG 2000 of more pixels than the header has", "damaged", () => coded(J2K, [jpeg2000Head(8000, 8000)], 16, 8)],
  ["JPEG-LS of more pixels than the header has", "damaged", () => coded(JPEG_LS, [jpegHead(0xf7, 8000)], 16, 8)],
  ["a lossless JPEG of more pixels than the header", "damaged", () => coded(LOSSLESS, [jpegHead(0xc3, 8000)], 16, 8)],
  [
    "1.2 million empty frames' groups",
    "too-large",
    () => repeated(build.openSequence(0x52009230), build.mark(0xfffee000), 1_200_000),
  ],
  [
    "500,000 groups of one element",
    "too-large",
    () => repeated(build.openSequence(0x52009230), group(build.short(0x00280010, 1)), 500_000),
  ],
  [
    "run lengths for 8,192 x 8,192 pixels, and no more than 4 Mi of them",
    "cut-short",
    () => coded(RLE, [rleOf(new Uint8Array(2 ** 16).fill(129))], 8192, 8),
  ],
  ["run lengths of nothing", "cut-short", () => coded(RLE, [rleOf(new Uint8Array(2 ** 20).fill(128))], 1000, 8)],
  ["a palette of 65,536 entries that is not there", "bad-header", () => palette()],
  [
    "a number of a megabyte",
    "bad-header",
    () => imageWith([build.element(0x00280030, "UT", "1\\".repeat(600_000)), pixels(32)]),
  ],
  ["zeros deflated to 1 GiB", "bad-header", () => deflated(new Uint8Array(0), 1)],
  ["a deflated stream of 3 GiB", "too-large", () => deflatedOf(3)],
];

describe("a bomb is refused cheaply", () => {
  // The codecs themselves, and the memory they begin with, are there from the first image on.
  beforeAll(async () => {
    for (const name of ["jpeg-2000-u8", "jpeg-ls-u8", "jpeg-gray", "jpeg-lossless-u8", "htj2k-u8"])
      await decodeOne(golden(`${name}.dcm`));
  });

  test.each(BOMBS)("%s", async (_, code, make) => {
    const bytes = make();
    const { series, refused } = await cheaply(bytes, () => decodeOne(bytes));
    expect(series).toEqual([]);
    expect([...new Set(refused.map((error) => error.code))]).toEqual([code]);
  });
});

test("a codec that broke decodes the next frame", async () => {
  for (const name of ["jpeg-ls-u12", "jpeg-2000-u12", "htj2k-u12", "jpeg-gray", "jpeg-lossless-u12"]) {
    const whole = golden(`${name}.dcm`);
    const first = await decodeOne(whole);
    for (let round = 0; round < 20; round++) {
      const broken = whole.slice();
      for (let at = whole.length - 60 - round; at < whole.length - 20; at++) broken[at] = (at * 37 + round * 11) % 251;
      await opens(broken, `${name}, round ${round}`);
      expect((await decodeOne(whole)).series[0].volume.data).toEqual(first.series[0].volume.data);
    }
  }
});

test("two files decoded at once do not disturb each other, also when one is broken", async () => {
  const whole = golden("jpeg-2000-s12.dcm");
  const broken = whole.slice();
  broken.fill(255, whole.length - 120, whole.length - 40);
  const alone = (await decodeOne(whole)).series[0].volume.data;
  const results = await Promise.all(Array.from({ length: 10 }, (_, i) => decodeOne(i % 2 ? broken : whole)));
  for (let i = 0; i < 10; i += 2) expect(results[i].series[0].volume.data).toEqual(alone);
});

test("listing reads no pixels, and says what decoding would take", () => {
  const { series, refused } = listDicom(goldenFiles("mixed"));
  expect(refused).toEqual([]);
  expect(series.map(({ label, sliceCount, bytes }) => [label, sliceCount, bytes])).toEqual([
    ["3: Golden (1 of 2)", 3, 3 * 5 * 7 * 2],
    ["3: Golden (2 of 2)", 1, 27 * 2],
  ]);
});

/** Why no image came out; anything but an image or a typed refusal fails, and so does a refusal that tells about the patient. */
async function refusalOf(bytes: Uint8Array): Promise<ImageFormatError | null> {
  const { series, refused } = await decodeOne(bytes, "a folder/x.dcm");
  for (const { volume } of series) {
    if (volume.data.length !== volume.size[0] * volume.size[1] * volume.size[2]) throw new Error("wrong size");
    if (!volume.toWorld.every(Number.isFinite)) throw new Error("wrong matrix");
  }
  for (const error of refused) {
    if (!(error instanceof ImageFormatError)) throw new Error("untyped");
    if (/CANARY|folder/.test(error.message)) throw new Error(`tells too much: ${error.message}`);
  }
  if (series.length + refused.length === 0) throw new Error("neither opened nor refused");
  return series.length > 0 ? null : refused[0];
}

async function opens(bytes: Uint8Array, which: string): Promise<boolean> {
  try {
    return (await refusalOf(bytes)) === null;
  } catch (cause) {
    throw new Error(which, { cause });
  }
}

function pixels(length: number): Uint8Array {
  return build.element(0x7fe00010, "OW", new Uint8Array(length));
}

function imageWith(parts: readonly Uint8Array[], claims: Parameters<typeof build.imageHead>[0] = {}): Uint8Array {
  return build.file([...build.imageHead(claims), ...parts]);
}

function coded(syntax: string, fragments: readonly Uint8Array[], size: number, bits = 16, frames?: string): Uint8Array {
  const head = build.imageHead({ rows: size, columns: size, bits, ...(frames === undefined ? {} : { frames }) });
  return build.file([...head, ...build.compressed(fragments)], syntax);
}

function nested(depth: number, vr: string): Uint8Array {
  // What is unknown is implicit inside.
  const inner = vr === "UN" ? build.mark(0x00081140, 0xffffffff) : build.openSequence(0x00081140);
  return repeated(
    Buffer.concat([build.openSequence(0x00081140, vr), build.openItem()]),
    Buffer.concat([inner, build.openItem()]),
    depth,
  );
}

function repeated(first: Uint8Array, part: Uint8Array, count: number, syntax?: string): Uint8Array {
  return build.file([first, Buffer.alloc(part.length * count, part)], syntax);
}

/** A JPEG's start, frame header, scan header, some bytes and end. */
function jpegHead(kind: number, size: number): Uint8Array {
  const [high, low] = [size >> 8, size & 255];
  const frame = [0xff, kind, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0];
  const scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0];
  return Uint8Array.from([0xff, 0xd8, ...frame, ...scan, ...Array(40).fill(0x55), 0xff, 0xd9]);
}

function jpeg2000Head(size: number, tile: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(120));
  bytes.setUint32(0, 0xff4fff51);
  bytes.setUint16(4, 41);
  [size, size, 0, 0, tile, tile, 0, 0].forEach((value, i) => {
    bytes.setUint32(8 + 4 * i, value);
  });
  bytes.setUint16(40, 1);
  [7, 1, 1].forEach((value, i) => {
    bytes.setUint8(42 + i, value);
  });
  bytes.setUint16(118, 0xffd9);
  return new Uint8Array(bytes.buffer);
}

/** Without the last mark of the codestream, and with the lengths made right again. */
function withoutEnd(name: string): Uint8Array {
  const bytes = golden(name);
  const at = bytes.lastIndexOf(0xd9);
  const copy = bytes.slice();
  copy.set([0x12, 0x34], at - 1);
  return copy;
}

function rleOf(plane: Uint8Array): Uint8Array {
  const head = new DataView(new ArrayBuffer(64));
  head.setUint32(0, 1, true);
  head.setUint32(4, 64, true);
  return Buffer.concat([new Uint8Array(head.buffer), plane]);
}

function group(inside: Uint8Array): Uint8Array {
  return Buffer.concat([build.mark(0xfffee000, inside.length), inside]);
}

function palette(): Uint8Array {
  const descriptor = (tag: number) => build.element(tag, "US", Uint8Array.of(0, 0, 0, 0, 16, 0));
  const head = build
    .imageHead({ bits: 8 })
    .map((part) => (part[0] === 0x28 && part[2] === 4 ? build.element(0x00280004, "CS", "PALETTE COLOR") : part));
  const tables = [0x00281201, 0x00281202, 0x00281203].map((tag) => build.element(tag, "OW", new Uint8Array(4)));
  return build.file([...head, ...[0x00281101, 0x00281102, 0x00281103].map(descriptor), ...tables, pixels(16)]);
}

/** A data set whose element of `gibibytes` GiB is there, in full. */
function deflatedOf(gibibytes: number): Uint8Array {
  return deflated(build.element(0x00081030, "UT", "", gibibytes * 2 ** 30), gibibytes);
}

/** The start and as many zeros, in blocks that are packed once. */
function deflated(start: Uint8Array, gibibytes: number): Uint8Array {
  const flush = { level: 9, finishFlush: constants.Z_SYNC_FLUSH };
  const zeros = deflateRawSync(new Uint8Array(2 ** 24), flush);
  const end = deflateRawSync(new Uint8Array(0));
  return build.file([deflateRawSync(start, flush), ...Array(64 * gibibytes).fill(zeros), end], DEFLATED);
}
