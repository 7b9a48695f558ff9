/**
 * Label maps as NIfTI files that lie exactly on the image they were drawn on.
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
import { spacingOf, type Volume } from "./volume.ts";

/** Codes of nifti1.h. */
const UINT8 = 2;
const UINT16 = 512;
const INTENT_LABEL = 1002;
const SCANNER = 1;
const MILLIMETRES = 2;

export interface NiftiFile {
  readonly bytes: Uint8Array;
  readonly extension: ".nii" | ".nii.gz";
}

type Source = Pick<Volume, "size" | "toWorld" | "origin">;

/**
 * @param labels  [k, j, i], 0 is background; written as uint8 where the largest is below 256, else as uint16
 * @param source  the image's volume; a NIfTI file that was not packed gives one that is not, everything else one that is
 * @throws {ShapeError} when there are not as many labels as voxels
 */
export function encodeNiftiLabels(labels: Uint8Array | Uint16Array, source: Source): NiftiFile {
  const [x, y, z] = source.size;
  if (labels.length !== x * y * z)
    throw new ShapeError(`There are ${labels.length} labels for a volume of ${x} x ${y} x ${z} voxels.`);
  const isNarrow = labels instanceof Uint8Array || labels.every((label) => label < 256);
  const { origin } = source;
  const header = origin.kind === "nifti" ? keptHeader(origin.header, isNarrow) : newHeader(source, isNarrow);
  const voxels = isNarrow ? new Uint8Array(labels) : inOrder(new Uint16Array(labels), header.isLittle);
  const bytes = new Uint8Array(header.bytes.length + voxels.length);
  bytes.set(header.bytes);
  bytes.set(voxels, header.bytes.length);
  if (origin.kind === "nifti" && !origin.isCompressed) return { bytes, extension: ".nii" };
  // Without a time, so that the same labels give the same bytes.
  return { bytes: gzipSync(bytes, { mtime: 0 }), extension: ".nii.gz" };
}

interface Written {
  /** Up to the first voxel */
  readonly bytes: Uint8Array;
  readonly isLittle: boolean;
}

type Values = Readonly<Record<string, string | number | readonly number[]>>;

function keptHeader(header: Uint8Array, isNarrow: boolean): Written {
  const source = readNiftiHeader(header, "the image's header");
  const { layout, isLittle } = source;
  const dim = source.numbers("dim");
  const bytes = new Uint8Array(layout.size + EXTENSION_FLAG_BYTES);
  bytes.set(header.subarray(0, layout.size));
  const used = Math.min(dim[0], 3);
  write(bytes, layout, isLittle, {
    ...ofLabels(isNarrow, bytes.length),
    dim: dim.map((size, axis) => (axis === 0 ? used : axis <= used ? size : 1)),
  });
  return { bytes, isLittle };
}

function newHeader(source: Source, isNarrow: boolean): Written {
  const bytes = new Uint8Array(NIFTI1.size + EXTENSION_FLAG_BYTES);
  const { toWorld } = source;
  const quaternion = quaternionOf(toWorld);
  write(bytes, NIFTI1, true, {
    ...ofLabels(isNarrow, bytes.length),
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
function ofLabels(isNarrow: boolean, offset: number): Values {
  return {
    datatype: isNarrow ? UINT8 : UINT16,
    bitpix: isNarrow ? 8 : 16,
    vox_offset: offset,
    scl_slope: 1,
    scl_inter: 0,
    cal_max: 0,
    cal_min: 0,
    glmax: 0,
    glmin: 0,
    intent_code: INTENT_LABEL,
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

function inOrder(labels: Uint16Array, isLittle: boolean): Uint8Array {
  return inThisOrder(new Uint8Array(labels.buffer), 2, isLittle);
}
