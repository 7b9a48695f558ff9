/**
 * Named float32 tensors in one file, in the safetensors format (huggingface/safetensors, "Format"): 8 bytes of header length
 * (little-endian), a JSON header of `{name: {dtype, shape, data_offsets: [begin, end]}}`, and the values without gaps.
 *
 * A tensor may be kept in 8 bits: as I8, beside a tensor `NAME.scale` of F32 with one value for each entry of its first axis; then a value is
 * the byte times its scale. Whoever reads the file is given float32 all the same.
 */
import { z } from "zod";
import { TendrilError } from "../core/index.ts";

export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const HEADER_LIMIT = 16 * 2 ** 20;
const TENSOR_LIMIT = 10_000;

/** The bytes are not a safetensors file, or not one of ours. */
export class WeightsError extends TendrilError {
  constructor(code: "cut-short" | "bad-header" | "wrong-model" | "damaged", message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

const header = z.record(
  z.string(),
  z.union([
    z.strictObject({
      dtype: z.enum(["F32", "I8"]),
      shape: z.array(z.int().nonnegative()).max(8),
      data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
    }),
    z.record(z.string(), z.string()),
  ]),
);

/** What a file holds of a tensor. */
interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int8Array;
}

const SCALE = ".scale";
const MOST = 127;

/** @param bits  32, or 8 for a quarter of the size: then tensors of two axes and more are kept in 8 bits, the others as they are */
export function writeSafetensors(
  tensors: ReadonlyMap<string, NamedTensor>,
  bits: 8 | 32 = 32,
): Uint8Array<ArrayBuffer> {
  const stored = bits === 32 ? tensors : quantised(tensors);
  const entries: Record<string, unknown> = {};
  let end = 0;
  for (const [name, { shape, data }] of stored) {
    const dtype = data instanceof Int8Array ? "I8" : "F32";
    entries[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  // Padded with spaces so that the values are aligned, as the format's own writer does.
  const json = JSON.stringify(entries);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const bytes = new Uint8Array(8 + text.length + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  let at = 8 + text.length;
  for (const { data } of stored.values()) {
    for (const value of data) {
      if (data instanceof Int8Array) view.setInt8(at, value);
      else view.setFloat32(at, value, true);
      at += data.BYTES_PER_ELEMENT;
    }
  }
  return bytes;
}

/** Float32 first, so that its values stay aligned. */
function quantised(tensors: ReadonlyMap<string, NamedTensor>): Map<string, StoredTensor> {
  const whole = new Map<string, StoredTensor>();
  const small = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of tensors) {
    if (shape.length < 2) {
      whole.set(name, { shape, data });
      continue;
    }
    const each = data.length / shape[0];
    const scales = Float32Array.from({ length: shape[0] }, (_, row) => {
      const values = data.subarray(row * each, (row + 1) * each);
      return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / MOST || 1;
    });
    whole.set(`${name}${SCALE}`, { shape: [shape[0]], data: scales });
    small.set(name, {
      shape,
      data: Int8Array.from(data, (value, i) => Math.round(value / scales[Math.floor(i / each)])),
    });
  }
  return new Map([...whole, ...small]);
}

/**
 * @param source  name of the file, for errors
 * @throws {WeightsError} when a length or offset does not fit the bytes
 */
export function readSafetensors(bytes: Uint8Array, source: string): Map<string, NamedTensor> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cut = (what: string) =>
    new WeightsError("cut-short", `${source} is cut short: ${what}. Copy or train it again.`);
  if (bytes.length < 8) throw cut(`it holds ${bytes.length} bytes, and its header alone needs 8`);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > HEADER_LIMIT)
    throw new WeightsError(
      "bad-header",
      `${source} is not a safetensors file: it claims a header of ${headerBytes} bytes.`,
    );
  if (8 + headerBytes > bytes.length) throw cut(`its header needs ${headerBytes} bytes of the ${bytes.length - 8}`);
  const entries = parseHeader(bytes.subarray(8, 8 + headerBytes), source);
  const stored = new Map<string, StoredTensor>();
  const start = 8 + headerBytes;
  let expected = 0;
  for (const [name, { dtype, shape, data_offsets: span }] of entries.sort(
    (a, b) => a[1].data_offsets[0] - b[1].data_offsets[0],
  )) {
    const [begin, end] = span;
    const length = shape.reduce((product, dim) => product * dim, 1);
    const width = dtype === "I8" ? 1 : 4;
    if (begin !== expected || end - begin !== width * length)
      throw new WeightsError(
        "bad-header",
        `${source}: ${name} [${shape}] claims bytes ${begin} to ${end}, which cannot be.`,
      );
    if (start + end > bytes.length) throw cut(`${name} ends at byte ${start + end} of ${bytes.length}`);
    const data = dtype === "I8" ? new Int8Array(length) : new Float32Array(length);
    const from = start + begin;
    for (let i = 0; i < length; i++)
      data[i] = dtype === "I8" ? view.getInt8(from + i) : view.getFloat32(from + 4 * i, true);
    stored.set(name, { shape, data });
    expected = end;
  }
  if (start + expected !== bytes.length)
    throw new WeightsError(
      "bad-header",
      `${source} holds ${bytes.length - start - expected} bytes after its last tensor.`,
    );
  return restored(stored, source);
}

/** Eight-bit tensors times their scales. */
function restored(stored: ReadonlyMap<string, StoredTensor>, source: string): Map<string, NamedTensor> {
  const tensors = new Map<string, NamedTensor>();
  const used = new Set<string>();
  for (const [name, { shape, data }] of stored) {
    if (data instanceof Float32Array) {
      tensors.set(name, { shape, data });
      continue;
    }
    const scales = stored.get(`${name}${SCALE}`);
    if (!(scales?.data instanceof Float32Array) || shape.length < 2 || scales.shape.join() !== `${shape[0]}`)
      throw new WeightsError(
        "bad-header",
        `${source}: ${name} is kept in 8 bits, but ${name}${SCALE} does not fit it.`,
      );
    used.add(`${name}${SCALE}`);
    const each = data.length / shape[0];
    const values = Float32Array.from(data, (value, i) => value * scales.data[Math.floor(i / each)]);
    tensors.set(name, { shape, data: values });
  }
  for (const name of used) tensors.delete(name);
  return tensors;
}

function parseHeader(bytes: Uint8Array, source: string) {
  const bad = (cause: unknown) =>
    new WeightsError("bad-header", `${source} is not a safetensors file of float32 or 8-bit tensors.`, { cause });
  try {
    const parsed = header.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
    const entries = Object.entries(parsed).filter(([name]) => name !== "__metadata__");
    if (entries.length > TENSOR_LIMIT) throw new RangeError(`${entries.length} tensors`);
    return entries.map(([name, entry]) => {
      if (!("data_offsets" in entry) || !Array.isArray(entry.data_offsets)) throw new TypeError(name);
      return [name, entry as { dtype: "F32" | "I8"; shape: number[]; data_offsets: [number, number] }] as const;
    });
  } catch (cause) {
    throw bad(cause);
  }
}
