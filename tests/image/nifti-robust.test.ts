import { constants, crc32, deflateRawSync, gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decodeNifti, ImageFormatError, isGzip, niftiHeaderOf } from "../../src/image/index.ts";
import { readNifti } from "../../src/image/nifti.ts";
import { NIFTI1, NIFTI2 } from "../../src/image/nifti-fields.ts";
import { flip, type Mutate, mutate, mutations, pick } from "../fuzzing.ts";
import { cheaply } from "./bombs.ts";
import { changed, nifti } from "./nifti.ts";
import { fixture, refusalOf } from "./volumes.ts";

/** Both placements count, so that a change of either matters. */
const whole = (version: 1 | 2) =>
  changed(nifti({ version }), { qform_code: 1, qoffset_x: -10, qoffset_y: -20, qoffset_z: -30, scl_slope: 2 });

/** Fails when the volume contradicts itself. */
function requireVolume(bytes: Uint8Array): void {
  const { size, data, toWorld, slope, intercept } = decodeNifti(bytes, "hostile.nii");
  if (data.length !== size[0] * size[1] * size[2]) throw new Error(`${data.length} voxels for ${size}`);
  if (![...toWorld, slope, intercept].every(Number.isFinite)) throw new Error(`placed by ${toWorld}`);
}

/** @returns whether it was opened; any error but ImageFormatError fails the test */
function openOrRefuse(bytes: Uint8Array): boolean {
  try {
    requireVolume(bytes);
    return true;
  } catch (error) {
    if (error instanceof ImageFormatError) return false;
    throw error;
  }
}

/** Fails when the runtime's way of unpacking gives another volume than ours, or one where there is none. */
async function requireAgreement(bytes: Uint8Array): Promise<void> {
  const [ours, natively] = [outcomeOf(() => decodeNifti(bytes, "a.gz")), readNifti(bytes, "a.gz")];
  const found = await natively.catch((error: unknown) => error);
  if (!(ours instanceof ImageFormatError)) expect(found).toEqual(ours);
  // Node may pass over what follows a whole member. Its voxels are checked all the same, and here those of an independent program.
  else if (!(found instanceof ImageFormatError))
    expect(found).toMatchObject({ data: decodeNifti(gunzipSync(bytes), "a").data });
}

function outcomeOf<T>(read: () => T): T | ImageFormatError {
  try {
    return read();
  } catch (error) {
    if (error instanceof ImageFormatError) return error;
    throw error;
  }
}

/** As `openOrRefuse`; a second look where the machine may have been busy. */
function withinMs(limit: number, bytes: Uint8Array): boolean {
  let took = 0;
  for (let attempt = 0; attempt < 3; attempt++) {
    const started = performance.now();
    const opened = openOrRefuse(bytes);
    took = performance.now() - started;
    if (took < limit) return opened;
  }
  throw new Error(`took ${took} ms`);
}

test.each([NIFTI1, NIFTI2])("a NIfTI-$version header with any one byte changed is a volume or refused", (layout) => {
  const bytes = whole(layout.version);
  let opened = 0;
  for (let at = 0; at < layout.size; at++) {
    const kept = bytes[at];
    for (let change = 1; change < 256; change++) {
      bytes[at] = kept ^ change;
      if (withinMs(50, bytes)) opened++;
    }
    bytes[at] = kept;
  }
  // Texts, times and slices say nothing of voxels or place; sizes, types and marks do.
  expect(opened / (layout.size * 255)).toBeGreaterThan(0.5);
  expect(opened / (layout.size * 255)).toBeLessThan(0.95);
});

const CRITICAL =
  "dim[0] dim[1] dim[3] dim[4] datatype bitpix vox_offset pixdim[0] sform_code srow_x[0] scl_slope scl_inter".split(
    " ",
  );
const HOSTILE = [-1, 0, 1, 7, 8, 32_767, -32_767, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 53, 1e-40];

test.each([1, 2] as const)("a NIfTI-%i header with two fields that cannot be is a volume or refused", (version) => {
  const bytes = whole(version);
  let count = 0;
  CRITICAL.forEach((first, i) => {
    for (const second of CRITICAL.slice(i + 1))
      for (const a of HOSTILE)
        for (const b of HOSTILE) {
          withinMs(50, changed(bytes, { [first]: a, [second]: b }));
          count++;
        }
  });
  expect(count).toBe(9504);
});

const KINDS = [
  "int16-v1le.nii",
  "uint8-v2be.nii",
  "rgba32-v1be.nii",
  "float64-v2le.nii",
  "int64-v1be.nii",
  "extension-v1le.nii",
  "times-v1le.nii",
  "oblique-4-both-v2be.nii",
  "none-v2be.nii",
  "uint16-1-v1le.nii.gz",
  "float32-3-v2be.nii.gz",
  "extension-v2le.nii.gz",
  "times-v2le.nii.gz",
];

test.each(KINDS)("%s cut at any byte is refused, and never as another format", (name) => {
  const bytes = fixture(`nifti/${name}`);
  expect(openOrRefuse(bytes)).toBe(true);
  for (let length = 0; length < bytes.length; length++) {
    const { code } = refusalOf(() => decodeNifti(bytes.subarray(0, length), name));
    expect([length, code]).toEqual([length, "cut-short"]);
  }
});

test.each(KINDS.filter((name) => name.endsWith(".gz")))(
  "%s, whole or cut at any byte, is the same unpacked by the runtime",
  async (name) => {
    const bytes = fixture(`nifti/${name}`);
    for (let length = bytes.length; length >= 0; length--) await requireAgreement(bytes.subarray(0, length));
  },
);

describe("a bomb is refused cheaply", () => {
  const MIB = 2 ** 20;

  /** DEFLATE blocks of this many MiB of zeros, a thousandth of that in size. */
  function zeros(mebibytes: number): Buffer {
    const one = deflateRawSync(Buffer.alloc(MIB), { finishFlush: constants.Z_FULL_FLUSH });
    return Buffer.concat(Array<Buffer>(mebibytes).fill(one));
  }

  const LAST_BLOCK = Buffer.of(3, 0);

  function member(deflated: Uint8Array, checksum = 0, size = 0, flags = 0): Buffer {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(checksum, 0);
    trailer.writeUInt32LE(size, 4);
    return Buffer.concat([Buffer.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255), deflated, trailer]);
  }

  const start = deflateRawSync(whole(1), { finishFlush: constants.Z_FULL_FLUSH });
  const good = gzipSync(whole(1));
  const claims = (fields: Record<string, number>) => gzipSync(changed(whole(1), fields));
  const big = { "dim[1]": 1000, "dim[2]": 1000, "dim[3]": 500 };

  const cases: Readonly<Record<string, () => Uint8Array>> = {
    "1 : 1000, two gigabytes after a small volume": () => member(Buffer.concat([start, zeros(2100), LAST_BLOCK])),
    "1 : 1000, just beyond what may follow": () => member(Buffer.concat([start, zeros(1), LAST_BLOCK])),
    "1 : 1000, in many members": () =>
      Buffer.concat([good, ...Array<Buffer>(300).fill(member(Buffer.concat([zeros(1), LAST_BLOCK])))]),
    nested: () => gzipSync(gzipSync(gzipSync(whole(1)))),
    "zeros alone": () => member(Buffer.concat([zeros(2100), LAST_BLOCK])),
    "100,000 empty members without a volume": () => Buffer.concat(Array<Buffer>(100_000).fill(member(LAST_BLOCK))),
    "a thousand headers": () => Buffer.concat(Array<Buffer>(1000).fill(good)),
    "18 GB in the header": () => claims({ "dim[1]": 3000, "dim[2]": 3000, "dim[3]": 1000 }),
    "1 GB in the header": () => claims(big),
    "1 GB in the header, not packed": () => changed(whole(1), big),
    "18 GB of volumes": () => claims({ "dim[0]": 4, "dim[4]": 32_767, "dim[1]": 600, "dim[2]": 600 }),
    "all dimensions at their most": () =>
      claims({ "dim[0]": 5, ...Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`dim[${i}]`, 32_767])) }),
    "2^53 voxels in a NIfTI-2 header": () => gzipSync(changed(whole(2), { "dim[1]": 2 ** 53 })),
    "voxels 2 GB into the file": () => claims({ vox_offset: 2 ** 31 }),
    "voxels 2^62 bytes into the file": () => gzipSync(changed(whole(2), { vox_offset: 2 ** 62 })),
    "a forged size": () => forge(good, good.length - 4, 0xffffffff),
    "a forged size of 0": () => forge(good, good.length - 4, 0),
    "a forged checksum": () => forge(good, good.length - 8, 1),
    "the size of another member": () =>
      Buffer.concat([
        member(deflateRawSync(whole(1).subarray(0, 100)), crc32(whole(1).subarray(0, 100)), 376),
        gzipSync(whole(1).subarray(100)),
      ]),
    "an extra field beyond the end": () =>
      Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 255, 255), good.subarray(10)]),
    "a name without an end": () =>
      Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255), Buffer.alloc(MIB, "n")]),
    "a comment without an end": () =>
      Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 16, 0, 0, 0, 0, 0, 255), Buffer.alloc(MIB, "n")]),
    "flags that mean nothing": () => member(deflateRawSync(whole(1)), crc32(whole(1)), 376, 0xe0),
    "another method": () => forge(good, 0, 0x00078b1f),
    "a stream that never ends": () => Buffer.concat([good.subarray(0, 10), zeros(2100)]),
    "text after the end": () => Buffer.concat([good, Buffer.from("and more")]),
    "half a member after the end": () => Buffer.concat([good, good.subarray(0, 40)]),
    "a million empty blocks": () =>
      member(Buffer.concat([...Array<Buffer>(1_000_000).fill(Buffer.of(0, 0, 0, 0xff, 0xff)), LAST_BLOCK])),
    "a distance before the start": () => member(Buffer.of(0x63, 0x00, 0x02, 0x00)),
    "an extension that is longer than the file": () => gzipSync(withExtension(0x7fffffff)),
  };

  function forge(bytes: Buffer, at: number, value: number): Buffer {
    const copy = Buffer.from(bytes);
    copy.writeUInt32LE(value, at);
    return copy;
  }

  /** Extensions are kept, not read, so a length cannot lead astray: the volume itself is cut. */
  function withExtension(size: number): Uint8Array {
    const bytes = changed(whole(1), { vox_offset: 2 ** 20 });
    new DataView(bytes.buffer).setInt32(352, size, true);
    return bytes;
  }

  test.each(Object.keys(cases))("%s", async (name) => {
    const bytes = cases[name]();
    expect(await cheaply(bytes, () => openOrRefuse(bytes))).toBe(false);
    await cheaply(bytes, () => expect(readNifti(bytes, name)).rejects.toBeInstanceOf(ImageFormatError));
    await requireAgreement(bytes);
    // What is printed of it costs no more.
    await cheaply(bytes, () => niftiHeaderOf(bytes, name));
  });

  test("what is honest, if odd, is opened: zeros after the end, members without content, a name, volumes that are all zero", async () => {
    const odd = Buffer.concat([good, Buffer.alloc(512)]);
    expect(openOrRefuse(odd)).toBe(true);
    expect(openOrRefuse(Buffer.concat([...Array<Buffer>(50).fill(member(LAST_BLOCK)), good]))).toBe(true);
    const named = Buffer.concat([
      Buffer.of(0x1f, 0x8b, 8, 8 + 2, 0, 0, 0, 0, 0, 255),
      Buffer.from("a.nii\0\x01\x02"),
      good.subarray(10),
    ]);
    expect(openOrRefuse(named)).toBe(true);
    const empty = Buffer.concat([
      changed(whole(1), { "dim[1]": 200, "dim[2]": 200, "dim[3]": 100 }),
      Buffer.alloc(8_000_000),
    ]);
    expect(openOrRefuse(gzipSync(empty.subarray(0, 352 + 8_000_000)))).toBe(true);
    for (const bytes of [odd, named]) await requireAgreement(bytes);
    await requireAgreement(Buffer.concat([...Array<Buffer>(50).fill(member(LAST_BLOCK)), good]));
  });
});

const flipStart =
  (length: number): Mutate =>
  (rng, bytes) => {
    flip(rng, bytes.subarray(0, length));
    return bytes;
  };

/** Changes of the file as it is unpacked, as a broken writer or an attacker makes them. */
const CHANGES: readonly Mutate[] = [
  flip,
  flipStart(NIFTI2.size),
  (rng, bytes) => {
    // A field of either version and order, to a value at the edge of something.
    const { at, kind } = pick(rng, [...pick(rng, [NIFTI1, NIFTI2]).fields.values()]);
    const width = kind.endsWith("64") ? 8 : kind.endsWith("32") ? 4 : 2;
    const edges = [0, 1, 2, 7, 8, 255, 2 ** 15 - 1, 2 ** 15, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const isLittle = rng.below(2) === 0;
    if (at + width > bytes.length) return bytes;
    if (kind === "float32") view.setFloat32(at, pick(rng, HOSTILE), isLittle);
    else if (kind === "float64") view.setFloat64(at, pick(rng, HOSTILE), isLittle);
    else if (width === 8) view.setBigInt64(at, BigInt(pick(rng, edges)) << BigInt(pick(rng, [0, 31, 32])), isLittle);
    else if (width === 4) view.setUint32(at, pick(rng, edges), isLittle);
    else view.setUint16(at, pick(rng, edges), isLittle);
    return bytes;
  },
  (rng, bytes) => bytes.slice(0, rng.below(bytes.length + 1)),
  (rng, bytes) => Buffer.concat([bytes, Buffer.alloc(rng.below(200), rng.below(256))]),
  (rng, bytes) => {
    const at = rng.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(rng.below(9), rng.below(256)), bytes.subarray(at)]);
  },
  (rng, bytes) => {
    const at = rng.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + rng.below(9))]);
  },
  (rng, bytes) =>
    bytes.copyWithin(rng.below(bytes.length + 1), rng.below(bytes.length + 1), rng.below(bytes.length + 1)),
];

test("voxels that begin at an odd byte of a Buffer are read, and the Buffer stays as it was", () => {
  for (const name of ["int16-v1le.nii", "rgba32-v1be.nii"]) {
    const bytes = fixture(`nifti/${name}`);
    const odd = Buffer.alloc(bytes.length + 1);
    odd.set(bytes, 1);
    const before = Uint8Array.from(odd);
    expect(decodeNifti(odd.subarray(1), name).data).toEqual(decodeNifti(bytes, name).data);
    expect(Uint8Array.from(odd)).toEqual(before);
  }
});

/** Ways to pack what was changed, true or not. */
const PACKINGS: readonly Mutate[] = [
  (_, bytes) => bytes,
  (_, bytes) => bytes,
  (_, bytes) => gzipSync(bytes),
  (rng, bytes) =>
    gzipSync(bytes, { level: pick(rng, [0, 1, 9]), strategy: pick(rng, [constants.Z_FIXED, constants.Z_RLE]) }),
  (rng, bytes) => flip(rng, gzipSync(bytes)),
  (rng, bytes) => flipStart(18)(rng, gzipSync(bytes, { level: 0 })),
  (rng, bytes) => {
    const at = rng.below(bytes.length + 1);
    return Buffer.concat([gzipSync(bytes.subarray(0, at)), gzipSync(bytes.subarray(at))]);
  },
  (rng, bytes) => {
    const packed = gzipSync(bytes);
    return packed.subarray(0, rng.below(packed.length + 1));
  },
  (rng, bytes) => {
    const packed = gzipSync(bytes);
    return Buffer.concat([packed, packed.subarray(rng.below(packed.length))]);
  },
];

const plain = KINDS.filter((name) => name.endsWith(".nii")).map((name) => fixture(`nifti/${name}`));

mutations("NIfTI", {
  draw: (rng, round) => pick(rng, PACKINGS)(rng, mutate(rng, plain[round % plain.length], CHANGES)),
  read: async (bytes) => {
    // The runtime takes a millisecond to begin: an eighth of them is as many as the time allows.
    if (isGzip(bytes) && bytes.length % 8 === 0) await requireAgreement(bytes);
    requireVolume(bytes);
  },
  readShare: [0.1, 0.7],
});
