/**
 * Label maps as NIfTI files that lie exactly on the image they were drawn on, and the image itself without what else its file says.
 *
 * Of a NIfTI image the header's bytes are kept, both placements among them, bit for bit, even where they disagree; only what describes the
 * voxels is changed. Texts and extensions may hold names, so they are left out. For other images a new NIfTI-1 header is written.
 */
import { gzipSync } from "fflate";
import { ShapeError } from "../core/index.ts";
import { type Layout, NIFTI1, writeField } from "./nifti-fields.ts";
import { quaternionOf } from "./nifti-geometry.ts";
import { EXTENSION_FLAG_BYTES, readNiftiHeader } from "./nifti-header.ts";
import { inThisOrder } from "./nifti-voxels.ts";
import { spacingOf, type Volume, type VoxelData } from "./volume.ts";

/** Codes of nifti1.h. */
const DATATYPES = [
  [Uint8Array, 2],
  [Int16Array, 4],
  [Int32Array, 8],
  [Float32Array, 16],
  [Float64Array, 64],
  [Int8Array, 256],
  [Uint16Array, 512],
  [Uint32Array, 768],
] as const;
const INTENT_LABEL = 1002;
const SCANNER = 1;
const MILLIMETRES = 2;

export interface NiftiFile {
  readonly bytes: Uint8Array;
  readonly extension: ".nii" | ".nii.gz";
}

type Source = Pick<Volume, "size" | "toWorld" | "origin">;

/**
 * @param labels    [k, j, i], 0 is background; written as uint8 where the largest is below 256, else as uint16
 * @param source    the image's volume; a NIfTI file that was not packed gives one that is not, everything else one that is
 * @param isPacked  where it is to be packed or not in any case
 * @throws {ShapeError} when there are not as many labels as voxels
 */
export function encodeNiftiLabels(
  labels: Uint8Array | Uint16Array,
  source: Source,
  isPacked = source.origin.kind !== "nifti" || source.origin.isCompressed,
): NiftiFile {
  const [x, y, z] = source.size;
  if (labels.length !== x * y * z)
    throw new ShapeError(`There are ${labels.length} labels for a volume of ${x} x ${y} x ${z} voxels.`);
  const isNarrow = labels instanceof Uint8Array || labels.every((label) => label < 256);
  const voxels = isNarrow ? Uint8Array.from(labels) : Uint16Array.from(labels);
  const bytes = encode(voxels, source, { slope: 1, intercept: 0, intent: INTENT_LABEL });
  if (!isPacked) return { bytes, extension: ".nii" };
  // Without a time, so that the same labels give the same bytes.
  return { bytes: gzipSync(bytes, { mtime: 0 }), extension: ".nii.gz" };
}

/** The volume itself, packed: voxels as they are stored, their scale (rounded to float32 in NIfTI-1) and their place. Nothing else of its file goes along. */
export function encodeNiftiImage(volume: Volume): Uint8Array {
  const { slope, intercept } = volume;
  return gzipSync(encode(volume.data, volume, { slope, intercept, intent: 0 }), { mtime: 0 });
}

interface Meaning {
  readonly slope: number;
  readonly intercept: number;
  /** Code of nifti1.h */
  readonly intent: number;
}

function encode(voxels: VoxelData, source: Source, meaning: Meaning): Uint8Array<ArrayBuffer> {
  const { origin } = source;
  const header =
    origin.kind === "nifti" ? keptHeader(origin.header, voxels, meaning) : newHeader(source, voxels, meaning);
  const width = voxels.BYTES_PER_ELEMENT;
  const data = inThisOrder(new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength), width, header.isLittle);
  const bytes = new Uint8Array(header.bytes.length + data.length);
  bytes.set(header.bytes);
  bytes.set(data, header.bytes.length);
  return bytes;
}

interface Written {
  /** Up to the first voxel */
  readonly bytes: Uint8Array;
  readonly isLittle: boolean;
}

type Values = Readonly<Record<string, string | number | readonly number[]>>;

function keptHeader(header: Uint8Array, voxels: VoxelData, meaning: Meaning): Written {
  const source = readNiftiHeader(header, "the image's header");
  const { layout, isLittle } = source;
  const dim = source.numbers("dim");
  const bytes = new Uint8Array(layout.size + EXTENSION_FLAG_BYTES);
  bytes.set(header.subarray(0, layout.size));
  const used = Math.min(dim[0], 3);
  write(bytes, layout, isLittle, {
    ...ofVoxels(voxels, meaning, bytes.length),
    dim: dim.map((size, axis) => (axis === 0 ? used : axis <= used ? size : 1)),
  });
  return { bytes, isLittle };
}

function newHeader(source: Source, voxels: VoxelData, meaning: Meaning): Written {
  const bytes = new Uint8Array(NIFTI1.size + EXTENSION_FLAG_BYTES);
  const { toWorld } = source;
  const quaternion = quaternionOf(toWorld);
  write(bytes, NIFTI1, true, {
    ...ofVoxels(voxels, meaning, bytes.length),
    sizeof_hdr: NIFTI1.size,
    magic: NIFTI1.magic,
    regular: "r",
    dim: [3, ...source.size, 1, 1, 1, 1],
    pixdim: [quaternion?.handedness ?? 1, ...spacingOf(source), 1, 1, 1, 1],
    xyzt_units: MILLIMETRES,
    sform_code: SCANNER,
    srow_x: toWorld.slice(0, 4),
    srow_y: toWorld.slice(4, 8),
    srow_z: toWorld.slice(8, 12),
    ...(quaternion && {
      qform_code: SCANNER,
      quatern_b: quaternion.b,
      quatern_c: quaternion.c,
      quatern_d: quaternion.d,
      qoffset_x: toWorld[3],
      qoffset_y: toWorld[7],
      qoffset_z: toWorld[11],
    }),
  });
  return { bytes, isLittle: true };
}

/** What describes the voxels, and texts that may hold names: of the two versions, each has some of the fields. */
function ofVoxels(voxels: VoxelData, { slope, intercept, intent }: Meaning, offset: number): Values {
  return {
    datatype: DATATYPES.find(([type]) => voxels instanceof type)![1],
    bitpix: 8 * voxels.BYTES_PER_ELEMENT,
    vox_offset: offset,
    scl_slope: slope,
    scl_inter: intercept,
    cal_max: 0,
    cal_min: 0,
    glmax: 0,
    glmin: 0,
    intent_code: intent,
    intent_p1: 0,
    intent_p2: 0,
    intent_p3: 0,
    intent_name: "",
    descrip: "Tendril",
    aux_file: "",
    data_type: "",
    db_name: "",
    unused_str: "",
  };
}

function write(bytes: Uint8Array, layout: Layout, isLittle: boolean, values: Values): void {
  const view = new DataView(bytes.buffer);
  for (const [name, value] of Object.entries(values)) {
    const field = layout.fields.get(name);
    if (field) writeField(view, field, typeof value === "number" ? [value] : value, isLittle);
  }
}
