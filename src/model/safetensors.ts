/**
 * Named float32 tensors in one file, in the safetensors format (huggingface/safetensors, "Format"): 8 bytes of header length
 * (little-endian), a JSON header of `{name: {dtype, shape, data_offsets: [begin, end]}}`, and the values without gaps.
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
      dtype: z.literal("F32"),
      shape: z.array(z.int().nonnegative()).max(8),
      data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
    }),
    z.record(z.string(), z.string()),
  ]),
);

export function writeSafetensors(tensors: ReadonlyMap<string, NamedTensor>): Uint8Array<ArrayBuffer> {
  const entries: Record<string, unknown> = {};
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    entries[name] = { dtype: "F32", shape, data_offsets: [end, end + data.byteLength] };
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
  for (const { data } of tensors.values()) {
    for (const value of data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return bytes;
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
  const tensors = new Map<string, NamedTensor>();
  const start = 8 + headerBytes;
  let expected = 0;
  for (const [name, { shape, data_offsets: span }] of entries.sort(
    (a, b) => a[1].data_offsets[0] - b[1].data_offsets[0],
  )) {
    const [begin, end] = span;
    const length = shape.reduce((product, dim) => product * dim, 1);
    if (begin !== expected || end - begin !== 4 * length)
      throw new WeightsError(
        "bad-header",
        `${source}: ${name} [${shape}] claims bytes ${begin} to ${end}, which cannot be.`,
      );
    if (start + end > bytes.length) throw cut(`${name} ends at byte ${start + end} of ${bytes.length}`);
    const data = new Float32Array(length);
    for (let i = 0; i < length; i++) data[i] = view.getFloat32(start + begin + 4 * i, true);
    tensors.set(name, { shape, data });
    expected = end;
  }
  if (start + expected !== bytes.length)
    throw new WeightsError(
      "bad-header",
      `${source} holds ${bytes.length - start - expected} bytes after its last tensor.`,
    );
  return tensors;
}

function parseHeader(bytes: Uint8Array, source: string) {
  const bad = (cause: unknown) =>
    new WeightsError("bad-header", `${source} is not a safetensors file of float32 tensors.`, { cause });
  try {
    const parsed = header.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
    const entries = Object.entries(parsed).filter(([name]) => name !== "__metadata__");
    if (entries.length > TENSOR_LIMIT) throw new RangeError(`${entries.length} tensors`);
    return entries.map(([name, entry]) => {
      if (!("data_offsets" in entry) || !Array.isArray(entry.data_offsets)) throw new TypeError(name);
      return [name, entry as { shape: number[]; data_offsets: [number, number] }] as const;
    });
  } catch (cause) {
    throw bad(cause);
  }
}
