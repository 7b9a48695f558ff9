/** Bytes of an NRRD file (one attached volume, raw or gzip) to a volume, with every value as it was stored. */
import { Bytes, claim } from "./bytes.ts";
import { gunzip } from "./gzip.ts";
import { type NrrdHeader, type NrrdType, readNrrdHeader } from "./nrrd-header.ts";
import type { Volume, VoxelData } from "./volume.ts";

export interface Nrrd {
  readonly volume: Volume;
  /** The pairs "key:=value" of the header, such as Slicer's names of segments. */
  readonly keys: ReadonlyMap<string, string>;
}

const MOST_GZIP_EXPANDS = 1032;
const VOXEL_BYTES: Readonly<Record<NrrdType, 1 | 2 | 4 | 8>> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float: 4,
  double: 8,
};

/**
 * @param data    a whole file
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when it is no NRRD, is damaged, too large, or of a kind that is not read
 */
export function decodeNrrd(data: Uint8Array, source: string): Nrrd {
  const bytes = new Bytes(data, source, true);
  const header = readNrrdHeader(bytes);
  const { size, toWorld, notes, keys } = header;
  const voxels = voxelsOf(storedBytes(bytes, header), header, bytes);
  const volume: Volume = {
    ...{ size, data: voxels, slope: 1, intercept: 0, toWorld, notes },
    ...{ modality: null, windows: [], origin: { kind: "nrrd" } },
  };
  return { volume, keys };
}

/** Voxels along each axis, by the header alone. @throws {ImageFormatError} as `decodeNrrd` */
export function nrrdSize(data: Uint8Array, source: string): Volume["size"] {
  return readNrrdHeader(new Bytes(data, source, true)).size;
}

function storedBytes(bytes: Bytes, { type, size, isGzip, dataStart }: NrrdHeader): Uint8Array<ArrayBuffer> {
  const needed = size[0] * size[1] * size[2] * VOXEL_BYTES[type];
  const rest = bytes.data.subarray(dataStart);
  claim(bytes.source, needed, isGzip ? rest.length * MOST_GZIP_EXPANDS : rest.length);
  // A copy: a view would keep the whole file, and might not begin where its type needs it to.
  if (!isGzip) return new Uint8Array(rest.subarray(0, needed));
  const unpacked = gunzip(bytes.data, needed, bytes.source, dataStart);
  claim(bytes.source, needed, unpacked.length);
  return unpacked;
}

function voxelsOf(stored: Uint8Array<ArrayBuffer>, { type, isLittle }: NrrdHeader, bytes: Bytes): VoxelData {
  const { buffer } = stored;
  if (isLittle !== isLittleMachine()) reverseEach(stored, VOXEL_BYTES[type]);
  if (type === "int8") return new Int8Array(buffer);
  if (type === "uint8") return stored;
  if (type === "int16") return new Int16Array(buffer);
  if (type === "uint16") return new Uint16Array(buffer);
  if (type === "int32") return new Int32Array(buffer);
  if (type === "uint32") return new Uint32Array(buffer);
  if (type === "float") return new Float32Array(buffer);
  if (type === "double") return new Float64Array(buffer);
  const whole = type === "int64" ? new BigInt64Array(buffer) : new BigUint64Array(buffer);
  const values = Float64Array.from(whole, Number);
  const rounded = whole.findIndex((value, i) => BigInt(values[i]) !== value);
  if (rounded >= 0)
    throw bytes.refuse(
      "unsupported",
      0,
      `holds ${whole[rounded]} at voxel ${rounded}, which is more than 53 bits. Save it with 32-bit or float voxels.`,
    );
  return values;
}

function isLittleMachine(): boolean {
  return new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
}

/** Turns around the bytes of each value. */
function reverseEach(data: Uint8Array, width: number): void {
  for (let start = 0; start < data.length; start += width)
    for (let low = start, high = start + width - 1; low < high; low++, high--)
      [data[low], data[high]] = [data[high], data[low]];
}
