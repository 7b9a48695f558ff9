import { constants, deflateRawSync, deflateSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32, Rng } from "../../src/core/index.ts";
import { DeflateError, measureZlib } from "../../src/image/deflate.ts";
import { decodeImage, ImageFormatError } from "../../src/image/index.ts";
import { flip, mutations, pick } from "../fuzzing.ts";
import { cheaply } from "./bombs.ts";
import { chunk, file, golden, refusal } from "./png.ts";

const KINDS = [
  "gray8.png",
  "gray16-interlaced.png",
  "gray16-filters.png",
  "gray2.png",
  "rgb8.png",
  "rgba16.png",
  "palette.png",
  "palette4-transparent.png",
];

test("a PNG cut at any byte is refused as cut short", () => {
  for (const name of KINDS) {
    const whole = golden(name);
    for (let length = 1; length < whole.length; length++)
      expect([length, refusal(whole.subarray(0, length), name).code]).toEqual([length, "cut-short"]);
  }
});

test("a PNG with any one byte of its first 64 changed is an image or refused with a reason", () => {
  const whole = golden("gray8.png");
  for (let at = 0; at < 64; at++)
    for (let value = 0; value < 256; value++) {
      const bytes = whole.slice();
      bytes[at] = value;
      openOrRefuse(bytes);
    }
});

/** Changes as a broken disk or an attacker makes them; checksums are made right again, so that the damage gets further in. */
const MUTATIONS: readonly ((rng: Rng, chunks: { type: string; data: Uint8Array }[]) => void)[] = [
  (rng, chunks) => flip(rng, pick(rng, chunks).data),
  (rng, chunks) => flip(rng, (chunks.find(({ type }) => type === "IDAT") ?? chunks[0]).data),
  (rng, chunks) => flip(rng, chunks[0].data),
  (rng, chunks) => {
    const hostile = [0, 1, 2, 7, 8, 9, 255, 256, 65535, 2 ** 26, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
    const field = new DataView(new ArrayBuffer(4));
    field.setUint32(0, hostile[rng.below(hostile.length)]);
    if (chunks[0].data.length >= 8) chunks[0].data.set(new Uint8Array(field.buffer), 4 * rng.below(2));
  },
  (rng, chunks) => {
    const victim = pick(rng, chunks);
    victim.data = victim.data.slice(0, rng.below(victim.data.length + 1));
  },
  (rng, chunks) => chunks.splice(rng.below(chunks.length), 1),
  (rng, chunks) => chunks.splice(rng.below(chunks.length + 1), 0, { ...pick(rng, chunks) }),
  (rng, chunks) => rng.shuffle(chunks),
  (rng, chunks) => {
    const names = ["IDAT", "PLTE", "tRNS", "iCCP", "tEXt", "acTL", "fdAT", "IEND", "ABCD", "abcd", "\0\0\0\0"];
    pick(rng, chunks).type = names[rng.below(names.length)];
  },
];

const parts = KINDS.map((name) => split(golden(name)));
const SIGNATURE = golden("gray8.png").subarray(0, 8);

mutations("PNG", {
  draw: (rng, round) => {
    const chunks = parts[round % parts.length].map(({ type, data }) => ({ type, data: data.slice() }));
    for (let i = 0; i <= rng.below(3); i++) if (chunks.length > 0) pick(rng, MUTATIONS)(rng, chunks);
    return Buffer.concat([SIGNATURE, ...chunks.map(({ type, data }) => chunk(type, data))]);
  },
  read: (bytes) => {
    const { width, height, data } = decodeImage(bytes, "mutated.png");
    if (data.length !== width * height) throw new Error(`${data.length} pixels for ${width} x ${height}`);
  },
  readShare: [1 / 60, 2 / 3],
});

test("the size of a zlib stream is what zlib unpacks, for every strategy", () => {
  const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE];
  const data = fc.oneof(
    fc.uint8Array({ maxLength: 3000 }),
    fc.array(fc.constantFrom(0, 0, 0, 1, 2), { maxLength: 9000 }).map((values) => Uint8Array.from(values)),
  );
  fc.assert(
    fc.property(data, fc.integer({ min: 0, max: 9 }), fc.constantFrom(...strategies), (bytes, level, strategy) => {
      const stream = deflateSync(bytes, { level, strategy });
      const followed = Buffer.concat([stream, Buffer.from("more")]);
      expect(measureZlib(followed, bytes.length)).toEqual({ size: bytes.length, end: stream.length });
    }),
    { numRuns: 400 },
  );
});

test("a zlib stream that zlib refuses is refused, whatever byte was changed", () => {
  const rng = Rng.seeded(77);
  let refused = 0;
  for (let round = 0; round < 4000; round++) {
    const bytes = Uint8Array.from({ length: 200 }, () => rng.below(6));
    const packed = deflateRawSync(bytes, { strategy: round % 2 ? constants.Z_FIXED : constants.Z_DEFAULT_STRATEGY });
    flip(rng, packed);
    const unpacked = inflatedRaw(packed);
    if (unpacked === null) {
      refused++;
      expect(() => measureZlib(zlibStream(packed), 2 ** 20)).toThrow(DeflateError);
    } else expect(measureZlib(zlibStream(packed), 2 ** 20).size).toBe(unpacked);
  }
  expect(refused).toBeGreaterThan(500);
});

const headed = (width: number, height: number, ...others: readonly (readonly [string, Uint8Array])[]) => {
  const header = Buffer.from(golden("gray8.png").slice(16, 29));
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return file([["IHDR", header], ...others, ["IEND", new Uint8Array(0)]]);
};
const zeros = deflateSync(new Uint8Array(2 ** 28));
const empty = ["IDAT", new Uint8Array(0)] as const;
test.each([
  ["2^31 - 1 pixels a side", "too-large", () => headed(2 ** 31 - 1, 2 ** 31 - 1, ["IDAT", zeros])],
  [
    "8,192 x 8,192 pixels in a few bytes",
    "cut-short",
    () => headed(8192, 8192, ["IDAT", deflateSync(Buffer.alloc(9))]),
  ],
  ["256 MiB for 8 x 8 pixels", "damaged", () => headed(8, 8, ["IDAT", zeros])],
  [
    "256 MiB in two pieces",
    "damaged",
    () => headed(8, 8, ["IDAT", zeros.subarray(0, 99)], ["IDAT", zeros.subarray(99)]),
  ],
  ["pieces of no length, and no pixels", "cut-short", () => headed(8, 8, ...Array(100_000).fill(empty))],
  ["a piece of 4 GiB", "cut-short", () => headed(8, 8, ["IDAT", zeros]).fill(0xff, 33, 37)],
] as const)("a PNG that is a bomb is refused cheaply: %s", async (_, code, make) => {
  const bytes = make();
  expect((await cheaply(bytes, () => refusal(bytes, "bomb.png"))).code).toBe(code);
});

test("texts and profiles of a PNG are not unpacked", async () => {
  const [start, rest] = [golden("gray8.png").subarray(0, 33), golden("gray8.png").subarray(33)];
  const packed = Buffer.concat([Buffer.from("name\0\0"), zeros]);
  const bytes = Buffer.concat([start, chunk("zTXt", packed), chunk("iCCP", packed), rest]);
  expect(await cheaply(bytes, () => decodeImage(bytes, "a.png"))).toEqual(decodeImage(golden("gray8.png"), "a.png"));
});

test("a bomb is given up at the limit, not at its end", () => {
  const bomb = deflateSync(new Uint8Array(2 ** 28));
  const started = performance.now();
  expect(() => measureZlib(bomb, 1000)).toThrow(expect.objectContaining({ kind: "too-large" }));
  expect(performance.now() - started).toBeLessThan(50);
});

/** Size of what zlib unpacks from the raw stream; null when it refuses it. */
function inflatedRaw(raw: Uint8Array): number | null {
  try {
    return inflateRawSync(raw).length;
  } catch {
    return null;
  }
}

/** With a header, and a checksum that nobody looks at: a PNG's own CRC stands for it. */
function zlibStream(raw: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(0x78, 0x9c), raw, Buffer.alloc(4)]);
}

function openOrRefuse(bytes: Uint8Array): boolean {
  try {
    const { width, height, data } = decodeImage(bytes, "mutated.png");
    expect(data.length).toBe(width * height);
    return true;
  } catch (error) {
    if (error instanceof ImageFormatError) return false;
    throw error;
  }
}

function split(bytes: Uint8Array): { type: string; data: Uint8Array }[] {
  const view = Buffer.from(bytes);
  const chunks = [];
  for (let at = 8; at < view.length; ) {
    const length = view.readUInt32BE(at);
    expect(crc32(view.subarray(at + 4, at + 8 + length))).toBe(view.readUInt32BE(at + 8 + length));
    chunks.push({ type: view.toString("latin1", at + 4, at + 8), data: bytes.slice(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}
