/** P1 for TIFF, JPEG and NRRD: whatever the bytes are, an image comes out or an `ImageFormatError`, and soon. */
import { deflateSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Rng } from "../../src/core/index.ts";
import { ImageFormatError } from "../../src/image/index.ts";
import { decodeJpeg } from "../../src/image/jpeg.ts";
import { copyWithin, cut, flip, HOSTILE, type Mutate, mutate, mutations } from "../fuzzing.ts";
import { cheaply } from "./bombs.ts";
import { decode, fixture, refusalOf } from "./flat.ts";

const TIFFS = [
  "uint8-le.tif",
  "uint16-be-strips.tif",
  "uint16-be-tiles.tif",
  "uint8-le-zlib.tif",
  "float32-be.tif",
  "int16-pages-le.tif",
  "rgb8-planar-le.tif",
  "rgba8.tif",
  "gray8-noise-lzw.tif",
  "gray8-runs-packbits.tif",
  "bilevel.tif",
  "palette8-lzw.tif",
  "opencv16.tif",
  "imagej-be.tif",
];
const JPEGS = ["tiny.jpg", "row.jpg", "gray-q30.jpg", "gray-progressive.jpg", "rgb-420.jpg", "opencv-restart.jpg"];
const NRRDS = [
  "uint8-le.nrrd",
  "int16-be.nrrd",
  "int64-le-gzip.nrrd",
  "float64-be-gzip.nrrd",
  "keys.nrrd",
  "flat.nrrd",
];
describe("a file cut at any byte up to 4 KiB is refused", () => {
  /** Bytes after the last pixel that tifffile leaves in files of several pages. */
  const padding: Readonly<Record<string, number>> = { "int16-pages-le.tif": 22, "imagej-be.tif": 16 };
  test.each([...TIFFS, ...NRRDS, ...JPEGS])("%s", async (name) => {
    const whole = fixture(name);
    const needed = whole.length - (padding[name] ?? 0);
    for (let length = 0; length < Math.min(4096, needed); length++)
      expect(await refusalOf(whole.subarray(0, length), name)).toBeInstanceOf(ImageFormatError);
    expect(await decode(whole.subarray(0, needed), name)).toEqual(await decode(whole, name));
  });
});

/** Type, number of values, or value of a directory's entry; or what leads to the next directory. */
const tiffField: Mutate = (rng, bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const directory = view.getUint32(4, little);
  const count = view.getUint16(directory, little);
  const entry = directory + 2 + 12 * rng.below(count);
  const value = HOSTILE[rng.below(HOSTILE.length)];
  const what = rng.below(6);
  if (what === 0) view.setUint16(entry + 2, rng.below(14), little);
  else if (what === 1) view.setUint32(entry + 4, value, little);
  else if (what === 2) view.setUint32(entry + 8, value, little);
  else if (what === 3) view.setUint16(entry + 8, value & 0xffff, little);
  else if (what === 4) view.setUint32(directory + 2 + 12 * count, rng.below(bytes.length), little);
  else view.setUint16(entry, 254 + rng.below(90), little);
  return bytes;
};

/** A byte, or two as a number, of one of the segments; or the segment twice, or not at all. */
const jpegSegment: Mutate = (rng, bytes) => {
  const starts = [];
  for (let at = 2; bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + bytes[at + 2] * 256 + bytes[at + 3])
    starts.push(at);
  const start = starts[rng.below(starts.length)];
  const end = start + 2 + bytes[start + 2] * 256 + bytes[start + 3];
  const what = rng.below(4);
  const value = HOSTILE[rng.below(HOSTILE.length)];
  if (what === 0) bytes[start + rng.below(end - start)] = rng.below(256);
  else if (what === 1) bytes.set([value >> 8, value & 255], start + 4 + rng.below(Math.max(1, end - start - 6)));
  else if (what === 2) return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
  else return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  return bytes;
};
const jpegScan: Mutate = (rng, bytes) => {
  const scan = bytes.length - 2 - rng.below(Math.ceil(bytes.length / 3));
  bytes[scan] = rng.below(256);
  return bytes;
};

const WORDS = [
  "0",
  "-1",
  "1e9",
  "1e400",
  "NaN",
  "",
  "none",
  "()",
  "(1,0,0)",
  "(0,0,0)",
  "block",
  "hex",
  "big",
  "99999999999",
];
/** A line's value, a word of it, the line itself; or a line of another file. */
const nrrdLine: Mutate = (rng, bytes) => {
  const text = Buffer.from(bytes).toString("latin1");
  const end = text.indexOf("\n\n");
  const lines = text.slice(0, end).split("\n");
  const at = 1 + rng.below(lines.length - 1);
  const [name, ...rest] = lines[at].split(": ");
  const word = WORDS[rng.below(WORDS.length)];
  const words = rest.join(": ").split(" ");
  const what = rng.below(5);
  if (what === 0) lines[at] = `${name}: ${word}`;
  else if (what === 1) lines[at] = `${name}: ${words.with(rng.below(words.length), word).join(" ")}`;
  else if (what === 2) lines.splice(at, 1);
  else if (what === 3) lines.push(lines[at]);
  else lines.push(["spacings: 1 1 1", "kinds: list domain domain", "space: ras", "endian: little"][rng.below(4)]);
  return Buffer.from(lines.join("\n") + text.slice(end), "latin1");
};

/** Whatever is mutated of these files, an image or a reason comes out. */
const ofFiles = (names: readonly string[], changes: readonly Mutate[]) => {
  const wholes = names.map(fixture);
  return {
    draw: (rng: Rng, round: number) =>
      mutate(rng, wholes[round % wholes.length], [...changes, ...changes, ...changes, flip, cut, copyWithin]),
    read: async (bytes: Uint8Array) => {
      // The reader is chosen by the name's ending.
      const image = await decode(bytes, names[0]);
      const voxels = "size" in image ? image.size[0] * image.size[1] * image.size[2] : image.width * image.height;
      if (image.data.length !== voxels) throw new Error(`${image.data.length} values for ${voxels} voxels`);
    },
    readShare: [1 / 100, 0.8] as const,
  };
};
mutations("TIFF", ofFiles(TIFFS, [tiffField]));
mutations("JPEG", ofFiles(JPEGS, [jpegSegment, jpegSegment, jpegScan]));
mutations("NRRD", ofFiles(NRRDS, [nrrdLine]));

interface Field {
  readonly tag: number;
  readonly type?: number;
  readonly count?: number;
  readonly value: number;
}

/** A little-endian TIFF of one directory a list; each leads to the next, the last to `last`. */
function tiff(directories: readonly (readonly Field[])[], last = 0, after = 0): Uint8Array {
  const size = (fields: readonly Field[]) => 6 + 12 * fields.length;
  const bytes = Buffer.alloc(8 + directories.reduce((sum, fields) => sum + size(fields), 0) + after);
  bytes.write("II*\0", 0, "latin1");
  bytes.writeUInt32LE(8, 4);
  let at = 8;
  directories.forEach((fields, n) => {
    bytes.writeUInt16LE(fields.length, at);
    fields.forEach(({ tag, type = 4, count = 1, value }, i) => {
      const entry = at + 2 + 12 * i;
      bytes.writeUInt16LE(tag, entry);
      bytes.writeUInt16LE(type, entry + 2);
      bytes.writeUInt32LE(count, entry + 4);
      bytes.writeUInt32LE(value, entry + 8);
    });
    at += size(fields);
    bytes.writeUInt32LE(n < directories.length - 1 ? at : last, at - 4);
  });
  return bytes;
}

function page(width: number, height: number, offset: number, length: number, extra: readonly Field[] = []): Field[] {
  const fields = { 256: width, 257: height, 258: 8, 262: 1, 273: offset, 279: length };
  return [...Object.entries(fields).map(([tag, value]) => ({ tag: Number(tag), value })), ...extra];
}

/** @param replaced  fields in the place of the usual ones, or beside them */
function nrrd(replaced: Readonly<Record<string, string>>, data: Uint8Array): Uint8Array {
  const fields = { type: "uint8", dimension: "3", sizes: "2 2 2", encoding: "raw", ...replaced };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`);
  return Buffer.concat([Buffer.from(`NRRD0004\n${lines.join("")}\n`), data]);
}

function jpegWith(change: (bytes: Uint8Array, frame: number) => Uint8Array | undefined, name = "gray.jpg"): Uint8Array {
  const bytes = fixture(name);
  const frame = bytes.findIndex((byte, i) => byte === 0xff && (bytes[i + 1] === 0xc0 || bytes[i + 1] === 0xc2));
  return change(bytes, frame) ?? bytes;
}

const ZEROS = deflateSync(new Uint8Array(2 ** 28), { level: 9 });
/** A page whose one strip is these bytes, from byte 512 on. */
function withStrip(fields: readonly Field[], strip: Uint8Array): Uint8Array {
  const bytes = tiff([fields], 0, 512 + strip.length);
  bytes.set(strip, 512);
  return bytes;
}

describe("a file that claims much and holds little is refused cheaply", () => {
  // The codec itself, and its 16 MiB, are there from the first JPEG on.
  beforeAll(async () => {
    await decode(fixture("gray.jpg"), "gray.jpg");
  });

  const zeros = (size: number) => gzipSync(new Uint8Array(size), { level: 9 });
  const many = (count: number, fields: readonly Field[]) => tiff(Array.from({ length: count }, () => fields));
  const compression = (value: number) => [{ tag: 259, value }];
  test.each([
    ["pages in a circle.tif", () => tiff([page(1, 1, 8, 1)], 8), "damaged"],
    [
      "pages in a long circle.tif",
      () =>
        tiff(
          Array.from({ length: 5000 }, () => page(1, 1, 8, 1)),
          8,
        ),
      "damaged",
    ],
    ["no page.tif", () => tiff([page(1, 1, 8, 1)]).fill(0, 4, 8), "damaged"],
    ["a page far away.tif", () => tiff([page(1, 1, 8, 1)], 2 ** 32 - 1), "cut-short"],
    ["60,000 x 60,000 pixels.tif", () => tiff([page(60_000, 60_000, 8, 8)]), "too-large"],
    ["4 billion pixels a side.tif", () => tiff([page(2 ** 32 - 1, 2 ** 32 - 1, 8, 8)]), "too-large"],
    ["8,192 x 8,192 pixels in 8 bytes.tif", () => tiff([page(8192, 8192, 8, 8)]), "cut-short"],
    ["the same in LZW.tif", () => tiff([page(8192, 8192, 8, 8, compression(5))]), "cut-short"],
    ["the same in zlib.tif", () => tiff([page(8192, 8192, 8, 8, compression(8))]), "cut-short"],
    [
      "a mebibyte of LZW codes of one value.tif",
      () => withStrip(page(8192, 8192, 512, 2 ** 20, compression(5)), new Uint8Array(2 ** 20).fill(0x80)),
      "cut-short",
    ],
    [
      "a mebibyte of PackBits without runs.tif",
      () => withStrip(page(8192, 8192, 512, 2 ** 20, compression(32773)), new Uint8Array(2 ** 20).fill(0x80)),
      "cut-short",
    ],
    [
      "zlib that unpacks to 256 MiB.tif",
      () => withStrip(page(100, 100, 512, ZEROS.length, compression(8)), ZEROS),
      "damaged",
    ],
    ["60,000 pages.tif", () => many(60_000, page(1, 1, 8, 1)), "too-large"],
    ["a strip beyond the end.tif", () => tiff([page(2, 2, 2 ** 31, 4)]), "cut-short"],
    ["a strip of 4 GiB.tif", () => tiff([page(2, 2, 8, 2 ** 32 - 1)]), "cut-short"],
    ["2^32 - 1 strips.tif", () => tiff([page(1, 2 ** 26, 8, 8, [{ tag: 278, value: 1 }])]), "damaged"],
    ["no pixels.tif", () => tiff([page(0, 5, 8, 8)]), "damaged"],
    ["65,535 channels.tif", () => tiff([page(2, 2, 8, 8, [{ tag: 277, value: 65535 }])]), "unsupported"],
    ["8 bytes for 5,000 pages.tif", () => many(5000, page(30, 30, 8, 900)), "damaged"],
    [
      "tiles larger than the page.tif",
      () =>
        tiff([
          page(
            2,
            2,
            8,
            8,
            [322, 323, 324, 325].map((tag) => ({ tag, value: 8192 })),
          ),
        ]),
      "cut-short",
    ],
    [
      "a text of 4 GiB.tif",
      () => tiff([page(1, 1, 8, 1, [{ tag: 270, type: 2, count: 2 ** 32 - 1, value: 0 }])]),
      "cut-short",
    ],
    ["2^40 voxels.nrrd", () => nrrd({ sizes: "1048576 1048576 1" }, new Uint8Array(8)), "too-large"],
    [
      "2^29 voxels of 8 bytes.nrrd",
      () => nrrd({ type: "double", endian: "big", sizes: "8192 8192 8" }, new Uint8Array(8)),
      "too-large",
    ],
    ["2^29 voxels in 8 bytes.nrrd", () => nrrd({ sizes: "8192 8192 8" }, new Uint8Array(8)), "cut-short"],
    ["the same in gzip.nrrd", () => nrrd({ sizes: "8192 8192 8", encoding: "gzip" }, zeros(8)), "cut-short"],
    ["a gzip bomb.nrrd", () => nrrd({ encoding: "gzip" }, zeros(2 ** 28)), "damaged"],
    [
      "gzip of many members.nrrd",
      () => nrrd({ encoding: "gzip" }, Buffer.concat(Array.from({ length: 20_000 }, () => zeros(0)))),
      "cut-short",
    ],
    ["gzip in gzip.nrrd", () => nrrd({ encoding: "gzip" }, gzipSync(zeros(8))), "damaged"],
    [
      "a forged gzip checksum.nrrd",
      () => nrrd({ encoding: "gzip" }, zeros(8).fill(7, zeros(8).length - 8, zeros(8).length - 4)),
      "damaged",
    ],
    ["sizes of fractions.nrrd", () => nrrd({ sizes: "2.5 2 2" }, new Uint8Array(20)), "bad-header"],
    ["sizes of less than nothing.nrrd", () => nrrd({ sizes: "-2 -2 2" }, new Uint8Array(20)), "bad-header"],
    ["16 axes.nrrd", () => nrrd({ dimension: "16", sizes: "1 ".repeat(16) }, new Uint8Array(20)), "unsupported"],
    [
      "directions in one plane.nrrd",
      () => nrrd({ "space directions": "(1,0,0) (0,1,0) (1,1,0)" }, new Uint8Array(20)),
      "bad-header",
    ],
    ["a header without end.nrrd", () => nrrd({ content: "a".repeat(2 ** 21) }, new Uint8Array(20)), "too-large"],
    ["65,535 x 65,535 pixels.jpg", () => jpegWith((bytes, at) => void bytes.fill(255, at + 5, at + 9)), "too-large"],
    [
      "8,191 x 8,191 pixels.jpg",
      () => jpegWith((bytes, at) => void bytes.set([31, 255, 31, 255], at + 5)),
      "cut-short",
    ],
    ["no pixels.jpg", () => jpegWith((bytes, at) => void bytes.fill(0, at + 5, at + 7)), "bad-header"],
    ["12 bits.jpg", () => jpegWith((bytes, at) => void bytes.fill(12, at + 4, at + 5)), "unsupported"],
    ["lossless.jpg", () => jpegWith((bytes, at) => void bytes.fill(0xc3, at + 1, at + 2)), "unsupported"],
    [
      "two frames.jpg",
      () => jpegWith((bytes, at) => Buffer.concat([bytes.subarray(0, at + 13), bytes.subarray(at)])),
      "damaged",
    ],
    [
      "a thousand scans.jpg",
      () =>
        jpegWith((bytes) => {
          const scan = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xda);
          return Buffer.concat([
            bytes.subarray(0, -2),
            ...Array(1000).fill(bytes.subarray(scan, -2)),
            bytes.subarray(-2),
          ]);
        }),
      "damaged",
    ],
    ["a part of no length.jpg", () => Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xd9), "damaged"],
    ["no image.jpg", () => Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), "damaged"],
  ])("%s", async (name, make, code) => {
    const bytes = make();
    const error = await cheaply(bytes, () => refusalOf(bytes, name));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(/^.* .*\.$/)]);
  });
});

test("a crash of the JPEG codec is a refusal, and the next image is read by a new one", async () => {
  vi.resetModules();
  let started = 0;
  vi.doMock("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs", async (original) => {
    const { default: start } = await original<{ default: (options: object) => Promise<{ JPEGDecoder: object }> }>();
    const crashing = class {
      getEncodedBuffer = (length: number) => new Uint8Array(length);
      decode(): void {
        throw new WebAssembly.RuntimeError("unreachable");
      }
    };
    return {
      default: async (options: object) =>
        ++started === 1 ? { JPEGDecoder: crashing, HEAPU8: new Uint8Array(8) } : start(options),
    };
  });
  const fresh = await import("../../src/image/jpeg.ts");
  const bytes = fixture("gray.jpg");
  const [first, second] = await Promise.allSettled([
    fresh.decodeJpeg(bytes, "a.jpg"),
    fresh.decodeJpeg(bytes, "b.jpg"),
  ]);
  vi.doUnmock("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs");
  expect(first).toMatchObject({ status: "rejected", reason: { name: "ImageFormatError", code: "damaged" } });
  expect(second).toMatchObject({ status: "fulfilled", value: await decodeJpeg(bytes, "b.jpg") });
  expect(started).toBe(2);
});
