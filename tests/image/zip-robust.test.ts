/** P1 for zip archives: whatever the bytes are, the files in it come out as its directory says or an `ImageFormatError`, and soon. */
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { decodeDicom } from "../../src/image/dicom.ts";
import { ImageFormatError } from "../../src/image/errors.ts";
import { readZip } from "../../src/image/zip.ts";
import { copyWithin, cut, flip, HOSTILE, type Mutate, mutate, mutations, pick } from "../fuzzing.ts";
import { cheaply } from "./bombs.ts";
import { decodeOne, golden, goldenFiles } from "./dicom.ts";

const text = new TextEncoder().encode("one line of many. ".repeat(60));
/** Packed and stored, with folders, letters beyond ASCII, empty files and fields beside the name. */
const ARCHIVES = [
  zipSync({ "a folder/a.txt": text, "b.bin": [Uint8Array.from(text.keys()), { level: 0 }], empty: new Uint8Array(0) }),
  zipSync({ "Läsion.txt": [text, { level: 9, comment: "a comment", extra: { 7: text.subarray(0, 9) } }] }),
  zipSync({ "a.txt": text, "folder/": new Uint8Array(0), "folder/c.txt": [text, { level: 1 }] }),
];

function readAll(bytes: Uint8Array): void {
  for (const { name, size, start, read } of readZip(bytes, "a.zip")) {
    const [first, file] = [start(), read()];
    if (file.length !== size) throw new Error(`${name} has ${file.length} bytes`);
    // What is packed beyond the size that the directory says is looked at, and not given.
    if (first.subarray(0, size).some((byte, i) => byte !== file[i])) throw new Error(`${name} begins otherwise`);
  }
}

test("an archive that is cut at any byte is refused", () => {
  for (const whole of ARCHIVES) {
    readAll(whole);
    for (let length = 0; length < whole.length; length++)
      expect(() => readAll(whole.subarray(0, length))).toThrow(ImageFormatError);
  }
});

/** A field of the directory, of its end, or of what stands before a file, found by their signatures: two or four bytes. */
const field: Mutate = (rng, bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = pick(rng, [0x04034b50, 0x02014b50, 0x02014b50, 0x06054b50]);
  const places = [];
  for (let at = 0; at + 22 <= bytes.length; at++) if (view.getUint32(at, true) === kind) places.push(at);
  const at =
    pick(rng, places) +
    pick(rng, kind === 0x06054b50 ? [8, 10, 12, 16, 20] : [6, 8, 10, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 42]);
  const value = pick(rng, HOSTILE);
  if (rng.below(2) === 0) view.setUint16(at, value & 0xffff, true);
  else view.setUint32(at, value, true);
  return bytes;
};
/** A byte more or less, so that all places behind it are wrong. */
const shift: Mutate = (rng, bytes) => {
  const at = rng.below(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + rng.below(2)), bytes.subarray(0, rng.below(2))]);
};

mutations("zip", {
  draw: (rng, round) =>
    mutate(rng, ARCHIVES[round % ARCHIVES.length], [field, field, field, flip, cut, copyWithin, shift]),
  read: readAll,
  readShare: [0.02, 0.8],
});

/** Names and sizes of an archive are claims. */
const BOMBS: readonly [string, string, () => Uint8Array][] = [
  ["claims 4 GiB", "damaged", () => forged({ size: 2 ** 32 - 2 })],
  ["claims more than DEFLATE can", "damaged", () => forged({ size: 2 ** 24 })],
  ["claims less than it unpacks to", "damaged", () => forged({ size: 10 })],
  ["claims more than it unpacks to", "damaged", () => forged({ size: 5000 })],
  ["has a wrong checksum", "damaged", () => forged({ checksum: 1 })],
  ["claims packed bytes past its end", "damaged", () => forged({ packed: 2 ** 20 })],
  ["claims 60,000 entries", "damaged", () => forged({ count: 60_000 })],
  ["has a password", "unsupported", () => forged({ flags: 1 })],
  ["is packed by another method", "unsupported", () => forged({ method: 14 })],
  ["is cut short", "cut-short", () => archive().slice(0, -30)],
  ["holds 32 MB of zeros", "unsupported", () => zipSync({ "a.dcm": [new Uint8Array(32e6), { level: 1 }] })],
  ["holds an archive", "unsupported", () => zipSync({ "a.zip": [archive(), { level: 0 }] })],
  ["holds the same bytes a thousand times", "damaged", () => overlapping(1000)],
];

describe("a zip archive is refused when it", () => {
  test.each(BOMBS)("%s", async (_, code, make) => {
    const bytes = make();
    const { series, refused } = await cheaply(bytes, () => decodeOne(bytes, "a.zip"));
    expect(series).toEqual([]);
    expect(refused.map((error) => error.code)).toEqual([code]);
  });

  test("is not refused when it is right, whatever folders it has", async () => {
    const files = Object.fromEntries(goldenFiles("orientation-axial").map(({ name, bytes }) => [name, bytes]));
    const bytes = zipSync({ ...files, "__MACOSX/._a.dcm": new Uint8Array(5), "a folder/.DS_Store": new Uint8Array(9) });
    const { series, refused } = await decodeOne(bytes, "study.zip");
    expect(refused).toEqual([]);
    expect(series[0].volume).toEqual((await decodeDicom(goldenFiles("orientation-axial"))).series[0].volume);
  });
});

function archive(): Uint8Array {
  return zipSync({ "a folder/a.dcm": golden("explicit-u12.dcm") });
}

interface Claims {
  readonly size?: number;
  readonly packed?: number;
  readonly checksum?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly count?: number;
}

/** An archive of one file, with fields of its directory overwritten. */
function forged({ size, packed, checksum, flags, method, count }: Claims): Uint8Array {
  const bytes = archive();
  const view = new DataView(bytes.buffer);
  const end = bytes.length - 22;
  const entry = view.getUint32(end + 16, true);
  if (flags !== undefined) view.setUint16(entry + 8, flags, true);
  if (method !== undefined) view.setUint16(entry + 10, method, true);
  if (checksum !== undefined) view.setUint32(entry + 16, checksum, true);
  if (packed !== undefined) view.setUint32(entry + 20, packed, true);
  if (size !== undefined) view.setUint32(entry + 24, size, true);
  if (count !== undefined) view.setUint16(end + 10, count, true);
  return bytes;
}

/** A directory in which every entry is the same local file. */
function overlapping(count: number): Uint8Array {
  const whole = zipSync({ "a.dcm": [new Uint8Array(2 ** 20), { level: 9 }] });
  const end = whole.length - 22;
  const view = new DataView(whole.buffer);
  const start = view.getUint32(end + 16, true);
  const entry = whole.slice(start, end);
  const tail = new DataView(whole.slice(end).buffer);
  tail.setUint16(8, count, true);
  tail.setUint16(10, count, true);
  tail.setUint32(12, entry.length * count, true);
  return new Uint8Array(
    Buffer.concat([whole.subarray(0, start), ...Array(count).fill(entry), new Uint8Array(tail.buffer)]),
  );
}
