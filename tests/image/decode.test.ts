import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { encode } from "fast-png";
import { describe, expect, test } from "vitest";
import { decodeImage, encodeMaskPng, ImageFormatError, PIXEL_LIMIT } from "../../src/image/index.ts";
import { golden, png, refusal, withCrc } from "./png.ts";

const fixtures = join(import.meta.dirname, "../fixtures/png");
const expected: Record<string, { width: number; height: number; maximum: number; data: number[] }> = JSON.parse(
  readFileSync(join(fixtures, "expected.json"), "utf8"),
);

describe("golden files have the values that Pillow reads", () => {
  test.each(Object.entries(expected))("%s", (name, { width, height, maximum, data }) => {
    const image = decodeImage(golden(name), name);
    expect(image).toMatchObject({ width, height, maximum });
    expect(image.data).toBeInstanceOf(maximum === 255 ? Uint8Array : Uint16Array);
    expect(Array.from(image.data)).toEqual(data);
  });
});

const size = fc.record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) });

test("what fast-png writes in gray is read back as it was, 8 and 16 bits, interlaced or not", () => {
  const picture = size.chain(({ width, height }) =>
    fc.record({
      width: fc.constant(width),
      height: fc.constant(height),
      depth: fc.constantFrom(8, 16) as fc.Arbitrary<8 | 16>,
      interlace: fc.constantFrom("null", "Adam7") as fc.Arbitrary<"null" | "Adam7">,
      values: fc.array(fc.nat(65535), { minLength: width * height, maxLength: width * height }),
    }),
  );
  fc.assert(
    fc.property(picture, ({ width, height, depth, interlace, values }) => {
      const data = depth === 8 ? Uint8Array.from(values) : Uint16Array.from(values);
      const image = decodeImage(encode({ width, height, depth, channels: 1, data }, { interlace }), "a.png");
      expect(image).toEqual({ width, height, maximum: depth === 8 ? 255 : 65535, data });
    }),
  );
});

test("a mask is written as 8-bit gray of its own size with values 0 and 1, and read back as it was", () => {
  const mask = size.chain(({ width, height }) =>
    fc.uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height }).map((data) => ({
      width,
      height,
      data,
    })),
  );
  fc.assert(
    fc.property(mask, ({ width, height, data }) => {
      const bytes = encodeMaskPng({ width, height, data });
      expect([...bytes.subarray(24, 29)]).toEqual([8, 0, 0, 0, 0]);
      expect(decodeImage(bytes, "m.png")).toEqual({ width, height, maximum: 255, data });
    }),
  );
});

test("bytes in the middle of a larger buffer are read like any other", () => {
  const bytes = golden("gray16-filters.png");
  const within = new Uint8Array(bytes.length + 7).subarray(3, 3 + bytes.length);
  within.set(bytes);
  expect(decodeImage(within, "a.png")).toEqual(decodeImage(bytes, "a.png"));
});

describe("another kind of file is named, with what to do", () => {
  const start = (text: string, at = 0) => Uint8Array.from({ length: 400 }, (_, i) => text.charCodeAt(i - at) || 0);
  test.each([
    ["JPEG", start("\xff\xd8\xff\xe0"), /is a JPEG image, .* Save it as PNG/],
    ["TIFF, little-endian", start("II*\0"), /is a TIFF image/],
    ["TIFF, big-endian", start("MM\0*"), /is a TIFF image/],
    ["DICOM", start("DICM", 128), /is a DICOM file, .* Save it as NIfTI/],
    ["NIfTI", start("n+1\0", 344), /is a NIfTI volume/],
    ["gzip", start("\x1f\x8b\x08"), /is a gzip file, such as a compressed NIfTI volume/],
    ["GIF", start("GIF89a"), /is a GIF image/],
    ["BMP", start("BM"), /is a BMP image/],
    ["WebP", start("RIFF....WEBP"), /is a WebP image/],
    ["PDF", start("%PDF-1.7"), /is a PDF document/],
    ["zip", start("PK\x03\x04"), /is a zip archive/],
    ["PNG after a transfer as text", start("\x89PNG\n\x1a\n"), /changed by a transfer as text/],
    ["text", new TextEncoder().encode("Überraschung: kein Bild.\n"), /is a text file, .* Open the image itself/],
    ["web page", new TextEncoder().encode("\n<!DOCTYPE html><p>Not found"), /is a web page \(HTML\)/],
    ["LFS pointer", new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"), /git lfs pull/],
    ["unknown", Uint8Array.of(0, 1, 2, 3, 4), /begins with the bytes 00 01 02 03, and a PNG with 89 50 4e 47/],
  ])("%s", (_, bytes, message) => {
    const error = refusal(bytes, "scan.png");
    expect(error.code).toBe("not-png");
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^scan\.png is /);
  });

  test("nothing at all", () => {
    expect(refusal(new Uint8Array(0), "scan.png")).toMatchObject({
      code: "empty",
      message: "scan.png is empty: it holds no bytes. Copy or export it again.",
    });
  });
});

describe("a PNG that lies or is damaged is refused within a second, with a reason", () => {
  const claim = (width: number, height: number) => png({ width, height, filtered: new Uint8Array(10) });
  /** Zeros pack 1,032 : 1; a small image whose data go on and on. */
  const bomb = () => png({ width: 10, height: 10, filtered: new Uint8Array(200 * 2 ** 20) });
  const gray = (filtered: Uint8Array) => png({ width: 2, height: 2, filtered });
  test.each([
    ["60,000 x 60,000 pixels", claim(60_000, 60_000), "too-large", /claims 60000 x 60000 pixels, .* is the limit/],
    ["one row more than the limit", claim(8192, 8193), "too-large", new RegExp(`${PIXEL_LIMIT}`)],
    ["4 billion pixels a side", claim(2 ** 32 - 1, 2 ** 32 - 1), "too-large", /4294967295/],
    ["no pixels", claim(0, 5), "bad-header", /claims 0 x 5 pixels/],
    ["a bomb", bomb(), "damaged", /unpack to more than the 110 bytes/],
    ["too few rows", gray(new Uint8Array(5)), "cut-short", /unpack to 5 bytes, and its header needs 6/],
    ["a row too many", gray(new Uint8Array(9)), "damaged", /more than the 6 bytes/],
    [
      "a filter that does not exist",
      gray(Uint8Array.of(9, 0, 0, 0, 0, 0)),
      "damaged",
      /2 x 2 pixels cannot be unpacked/,
    ],
    ["a wrong CRC", withCrc(golden("gray8.png"), 20, (b) => b, 1), "damaged", /checksum at byte 29 is wrong/],
    ["color type 5", withCrc(golden("gray8.png"), 25, () => 5), "bad-header", /color type 5 with 8 bits/],
    ["3 bits", withCrc(golden("gray8.png"), 24, () => 3), "bad-header", /color type 0 with 3 bits/],
    ["interlace 2", withCrc(golden("gray8.png"), 28, () => 2), "bad-header", /interlace 2/],
    ["2 bits interlaced", golden("gray2-interlaced.png"), "unsupported", /Save it without interlacing/],
    [
      "a missing palette",
      png({ width: 1, height: 1, colorType: 3, filtered: new Uint8Array(2) }),
      "damaged",
      /palette/,
    ],
  ])("%s", (_, bytes, code, message) => {
    const started = performance.now();
    const error = refusal(bytes, "scan.png");
    expect(performance.now() - started).toBeLessThan(1000);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^scan\.png .*\.$/);
  });

  test("a color that the palette does not have is refused with its pixel", () => {
    const palette = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const bytes = png({ width: 2, height: 2, colorType: 3, palette, filtered: Uint8Array.of(0, 0, 1, 0, 1, 2) });
    expect(refusal(bytes, "p.png").message).toMatch(/pixel \(1, 1\) has color 2 of a palette of 2/);
  });
});

test("a hostile text or color profile beside the pixels is not looked at", () => {
  const profile = new Uint8Array(40).fill(65);
  const bytes = png({
    width: 1,
    height: 1,
    filtered: Uint8Array.of(0, 77),
    extra: [
      ["iCCP", profile],
      ["tEXt", profile],
    ],
  });
  expect(Array.from(decodeImage(bytes, "a.png").data)).toEqual([77]);
});

test("an image of the largest size allowed is opened", () => {
  const width = 8192;
  const height = 8192;
  const image = decodeImage(
    png({ width, height, depth: 1, filtered: new Uint8Array(height * (1 + width / 8)).fill(0) }),
    "a.png",
  );
  expect(image.data.length).toBe(PIXEL_LIMIT);
});

test("refusals are ImageFormatErrors with the base name as source", () => {
  expect(refusal(Uint8Array.of(1), "x.png")).toBeInstanceOf(ImageFormatError);
  expect(refusal(Uint8Array.of(1), "x.png").source).toBe("x.png");
});
