import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Volume } from "../../src/image/volume.ts";
import { decode, fixture, fixtureJson, refusalOf } from "./flat.ts";

type Golden =
  | { readonly width: number; readonly height: number; readonly maximum: number; readonly data: readonly number[] }
  | {
      readonly size: readonly number[];
      readonly type: string;
      readonly data: readonly number[];
      readonly toWorld?: readonly number[];
    };

const golden = Object.entries(fixtureJson<Record<string, Golden>>("expected.json"));
/** libjpeg-turbo has several transforms of the same accuracy; Pillow's build may take another one. */
const JPEG_TOLERANCE = 1;

test("there are at least 80 golden files", () => {
  expect(golden.length).toBeGreaterThanOrEqual(80);
});

describe("golden files have the values that an independent program finds in them", () => {
  test.each(golden)("%s", async (name, expected) => {
    const found = await decode(fixture(name), name);
    if ("width" in expected) {
      expect(found).toMatchObject({ width: expected.width, height: expected.height, maximum: expected.maximum });
      expect(found.data).toBeInstanceOf(expected.maximum === 255 ? Uint8Array : Uint16Array);
    } else {
      const { size, data, toWorld, origin, slope, intercept } = found as Volume;
      expect({ size, origin, slope, intercept }).toEqual({
        size: expected.size,
        origin: { kind: name.endsWith(".nrrd") ? "nrrd" : "other" },
        slope: 1,
        intercept: 0,
      });
      expect(data.constructor.name.toLowerCase()).toBe(`${expected.type}array`);
      const off = (expected.toWorld ?? toWorld).map((value, i) => Math.abs(value - toWorld[i]));
      expect(Math.max(...off)).toBeLessThan(1e-6);
    }
    const tolerance = name.endsWith(".jpg") ? JPEG_TOLERANCE : 0;
    const wrong = expected.data.findIndex((value, i) => !(Math.abs(value - found.data[i]) <= tolerance));
    expect([found.data.length, wrong]).toEqual([expected.data.length, -1]);
  });
});

test("bytes in the middle of a larger buffer, and Node's own buffers, are read like any other", async () => {
  for (const name of ["uint16-be-tiles.tif", "rgb-420.jpg", "float32-le.nrrd", "int16-be-gzip.nrrd"]) {
    const bytes = fixture(name);
    const within = new Uint8Array(bytes.length + 7).subarray(3, 3 + bytes.length);
    within.set(bytes);
    expect(await decode(within, name)).toEqual(await decode(bytes, name));
    expect(await decode(Buffer.from(bytes), name)).toEqual(await decode(bytes, name));
  }
});

describe("what is right as it stands but not read is refused by name", () => {
  test.each([
    ["refused-cmyk.jpg", /is a JPEG image of 4 channels, .* Save it as an ordinary JPEG/],
    ["refused-cmyk.tif", /color model 5, .* Save it as gray or RGB/],
    ["refused-bigtiff.tif", /is a BigTIFF image/],
    ["refused-channels.tif", /has 5 channels a pixel/],
    ["refused-imagej-channels.tif", /holds 3 channels/],
    ["refused-jpeg.tif", /compressed with JPEG/],
    ["refused-group4.tif", /compressed with CCITT Group 4/],
    ["refused-sizes.tif", /has pages that differ: the first is 5 x 5 .*, page 2 is 6 x 5/],
  ])("%s", async (name, message) => {
    const error = await refusalOf(fixture(name), name);
    expect(error.code).toBe("unsupported");
    expect(error.message).toMatch(message);
    expect(error.message.startsWith(`${name} `)).toBe(true);
  });

  test.each([
    ["type: block", /voxels of type block/],
    ["encoding: ascii", /encoded as ascii/],
    ["data file: other.raw", /names another file/],
    ["byte skip: -1", /leaves out bytes/],
    ["kinds: domain domain list", /axes of the kinds domain, domain, list/],
    ['space units: "m" "m" "m"', /space units/],
  ])("NRRD with %s", async (line, message) => {
    const text = Buffer.from(fixture("no-space.nrrd")).toString("latin1");
    const [name] = line.split(":");
    const without = text.replace(new RegExp(`^${name}:.*\n`, "m"), "");
    const error = await refusalOf(
      Buffer.from(without.replace("dimension:", `${line}\ndimension:`), "latin1"),
      "a.nrrd",
    );
    expect([error.code, error.message]).toEqual(["unsupported", expect.stringMatching(message)]);
  });

  test("another kind of file", async () => {
    for (const name of ["a.tif", "a.jpg", "a.nrrd"]) {
      expect((await refusalOf(readFileSync(import.meta.filename), name)).code).toBe("bad-header");
      expect((await refusalOf(new Uint8Array(0), name)).message).toMatch(/^a\.\w+ /);
    }
  });
});

test("notes say what was taken for granted", async () => {
  const notes = async (name: string) => ((await decode(fixture(name), name)) as Volume).notes.join(" ");
  expect(await notes("imagej-le.tif")).toMatch(/0\.5000 x 0\.2500 mm by the file's resolution tags/);
  expect(await notes("uint8-pages.tif")).toMatch(/how large its pixels are.* how far apart its pages are/);
  expect(await notes("no-space.nrrd")).toMatch(/how it lies in the patient/);
  expect(await notes("space-RAS.nrrd")).toBe("");
});
