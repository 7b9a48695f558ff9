/**
 * NIfTI-1 and NIfTI-2, single file, gzip or not, in either byte order, to a volume with every value as it was stored.
 *
 * Voxels are never reordered: i, j and k are the file's own axes. What the header claims is compared with the limits and with the bytes
 * that are there before memory is given for it.
 */
import { AXIS_LIMIT, claim, VOXEL_LIMIT } from "./bytes.ts";
import { ImageFormatError } from "./errors.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { gunzipNatively } from "./gzip-native.ts";
import { placementOf } from "./nifti-geometry.ts";
import { EXTENSION_FLAG_BYTES, type NiftiHeader, readNiftiHeader, startOf } from "./nifti-header.ts";
import { DATATYPES, type Datatype, inThisOrder, isColor } from "./nifti-voxels.ts";
import type { IntensityWindow, Volume } from "./volume.ts";

/** What may follow the voxels in a packed file; other programs ignore it, and so do we. */
const SLACK = 64 * 1024;
/** Space, time and channel. */
const USED_DIMENSIONS = 5;
const IN_COLOR = "Its voxels are in color. Their luminance is shown and segmented.";
const EXPORT_AGAIN = 'The header is damaged. Export the volume again, or print every field with "tendril inspect".';

/**
 * @param bytes   a whole file; the volume may share its memory
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when it is another format, is damaged, or is not read by this version
 */
export function decodeNifti(bytes: Uint8Array, source: string): Volume {
  const { limit, finish } = begin(bytes, source);
  return finish(isGzip(bytes) ? gunzip(bytes, limit, source) : bytes);
}

/** As `decodeNifti`, with the runtime's own way to unpack. */
export async function readNifti(bytes: Uint8Array, source: string): Promise<Volume> {
  const { limit, finish } = begin(bytes, source);
  return finish(isGzip(bytes) ? await gunzipNatively(bytes, limit, source) : bytes);
}

/** Reads the header; the rest is read by `finish` from the file as it is when unpacked, to at most `limit` bytes. */
function begin(bytes: Uint8Array, source: string): { limit: number; finish: (file: Uint8Array) => Volume } {
  const header = readNiftiHeader(startOf(bytes, source), source);
  const { size, volumes, notes } = shapeOf(header, source);
  const type = datatypeOf(header);
  const { toWorld, notes: ofPlace } = placementOf(header, size);
  const { slope, intercept } = isColor(type) ? { slope: 1, intercept: 0 } : scalingOf(header);

  const start = voxelOffset(header);
  const length = (size[0] * size[1] * size[2] * type.bits) / 8;
  const end = start + length * volumes;
  const isCompressed = isGzip(bytes);
  claim(source, end, isCompressed ? end : bytes.length);
  const finish = (file: Uint8Array): Volume => {
    claim(source, end, file.length);
    // Without the slice a file of many volumes would stay in memory for the sake of the first.
    const raw = volumes === 1 ? file.subarray(start, end) : file.slice(start, start + length);
    return {
      size,
      data: type.read(inThisOrder(raw, type.unit, header.isLittle), source),
      slope,
      intercept,
      toWorld,
      modality: null,
      windows: windowsOf(header),
      notes: [...notes, ...(isColor(type) ? [IN_COLOR] : []), ...ofPlace],
      origin: { kind: "nifti", header: file.slice(0, start), isCompressed },
    };
  };
  return { limit: end + SLACK, finish };
}

/**
 * Size of a volume from its file's beginning alone.
 *
 * @param start  the file's first bytes, packed or not; some thousand are enough
 * @throws {ImageFormatError} when its header is none that is read
 */
export function niftiSize(start: Uint8Array, source: string): Volume["size"] {
  const header = readNiftiHeader(startOf(start, source), source);
  datatypeOf(header);
  return shapeOf(header, source).size;
}

interface Shape {
  readonly size: readonly [number, number, number];
  /** Along time and channel together; the first is read */
  readonly volumes: number;
  readonly notes: readonly string[];
}

function shapeOf(header: NiftiHeader, source: string): Shape {
  const dim = header.numbers("dim");
  if (!(dim[0] >= 1 && dim[0] <= 7)) throw header.refuse("bad-header", "dim", 0, `it must be 1 to 7. ${EXPORT_AGAIN}`);
  const sizes = [1, 2, 3, 4, 5, 6, 7].map((axis) => (axis <= dim[0] ? dim[axis] : 1));
  sizes.forEach((size, i) => {
    if (size < 1) throw header.refuse("bad-header", "dim", i + 1, `a size must be 1 or more. ${EXPORT_AGAIN}`);
    if (size > AXIS_LIMIT)
      throw header.refuse("too-large", "dim", i + 1, `up to ${AXIS_LIMIT} are read. Crop the volume.`);
    if (size > 1 && i >= USED_DIMENSIONS)
      throw header.refuse("unsupported", "dim", i + 1, "only space, time and channel are read. Save one volume of it.");
  });
  const [x, y, z, times, channels] = sizes;
  if (x * y * z > VOXEL_LIMIT)
    throw new ImageFormatError("too-large", {
      source,
      message: `has ${x} x ${y} x ${z} voxels; up to ${VOXEL_LIMIT.toLocaleString("en")} are read. Crop it or save it with fewer slices.`,
    });
  const notes = times * channels > 1 ? [`It holds ${times * channels} volumes; this is the first of them.`] : [];
  return { size: [x, y, z], volumes: times * channels, notes };
}

function datatypeOf(header: NiftiHeader): Datatype & { readonly read: NonNullable<Datatype["read"]> } {
  const type = DATATYPES.get(header.number("datatype"));
  if (!type) throw header.refuse("bad-header", "datatype", 0, `no type of voxel has that code. ${EXPORT_AGAIN}`);
  const { name, bits, unit, read } = type;
  if (read === null)
    throw header.refuse(
      "unsupported",
      "datatype",
      0,
      `that is ${name}, which is not read. Save it as int16 or float32.`,
    );
  if (header.number("bitpix") !== bits)
    throw header.refuse("bad-header", "bitpix", 0, `a voxel of type ${name} takes ${bits} bits. ${EXPORT_AGAIN}`);
  return { name, bits, unit, read };
}

function voxelOffset(header: NiftiHeader): number {
  const offset = header.number("vox_offset");
  const least = header.layout.size + EXTENSION_FLAG_BYTES;
  if (Number.isInteger(offset) && offset >= least) return offset;
  throw header.refuse("bad-header", "vox_offset", 0, `it must be a whole number, ${least} or more. ${EXPORT_AGAIN}`);
}

/** A slope of 0, or none at all, says that stored values are intensities. */
function scalingOf(header: NiftiHeader): { slope: number; intercept: number } {
  const slope = header.number("scl_slope");
  const intercept = header.number("scl_inter");
  if (slope === 0 || !Number.isFinite(slope)) return { slope: 1, intercept: 0 };
  if (!Number.isFinite(intercept))
    throw header.refuse("bad-header", "scl_inter", 0, `it must be a number where scl_slope is one. ${EXPORT_AGAIN}`);
  return { slope, intercept };
}

function windowsOf(header: NiftiHeader): IntensityWindow[] {
  const [low, high] = [header.number("cal_min"), header.number("cal_max")];
  if (!(high > low) || !Number.isFinite(high - low)) return [];
  return [{ name: "file", center: low + (high - low) / 2, width: high - low }];
}
