/** The files that come with pydicom, many of them from scanners, are read as pydicom reads them. Runs where it is installed. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { decodeDicom } from "../../src/image/dicom.ts";

const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";
const SCRIPT = join(import.meta.dirname, "../fixtures/dicom/oracle.py");

interface Line {
  readonly path: string;
  readonly lossy?: boolean;
  readonly data?: readonly number[];
}

/** Right, and not read: 32 bits a color sample, and one bit a pixel. */
const NOT_READ = /^(SC_rgb_rle_32bit|liver)/;
/** Luminance of a lossy color image: ours from red, green and blue, which were clipped to 0 to 255; the oracle's as it was stored. */
const LOSSY_TOLERANCE = 8;

function oracle(): Line[] | null {
  try {
    if (!existsSync(PYTHON)) return null;
    const out = execFileSync(PYTHON, [SCRIPT], {
      maxBuffer: 2 ** 28,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  } catch {
    return null;
  }
}

test("files that come with pydicom have its voxels, or are of a kind that is named as not read", async (context) => {
  const lines = oracle();
  if (!lines) return context.skip("pydicom, NumPy or Pillow is not installed");
  let same = 0;
  for (const { path, lossy, data } of lines) {
    if (!data) continue;
    const name = basename(path);
    const { series, refused } = await decodeDicom([{ name, bytes: new Uint8Array(readFileSync(path)) }]);
    if (NOT_READ.test(name)) {
      expect([name, refused[0].code]).toEqual([name, "unsupported"]);
      continue;
    }
    const values = series.flatMap(({ volume }) => Array.from(volume.data));
    expect([name, values.length]).toEqual([name, data.length]);
    const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - data[i])), 0);
    expect([name, off <= (lossy ? LOSSY_TOLERANCE : 0), off]).toEqual([name, true, off]);
    same++;
  }
  expect(same).toBeGreaterThan(60);
});
