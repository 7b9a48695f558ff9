/**
 * The fields of NIfTI headers: NIfTI-1 (348 bytes, nifti1.h of 2001) and NIfTI-2 (540 bytes, nifti2.h of 2011). Both are packed without
 * gaps, so a list of names and types says where each field lies.
 */
import type { Bytes } from "./bytes.ts";

type Kind = "text" | "uint8" | "int16" | "int32" | "int64" | "float32" | "float64";

const WIDTH: Readonly<Record<Kind, number>> = {
  text: 1,
  uint8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float32: 4,
  float64: 8,
};

export interface Field {
  readonly name: string;
  readonly kind: Kind;
  /** Values, or characters of a text */
  readonly count: number;
  /** Where it begins, in bytes from the header's start */
  readonly at: number;
}

export interface Layout {
  readonly version: 1 | 2;
  /** Bytes of the header, without the 4 that say whether extensions follow */
  readonly size: number;
  readonly magic: string;
  readonly fields: ReadonlyMap<string, Field>;
}

export const NIFTI1 = layout(
  1,
  "n+1\0",
  `int32 sizeof_hdr, text:10 data_type, text:18 db_name, int32 extents, int16 session_error, text regular, uint8 dim_info,
   int16:8 dim, float32 intent_p1, float32 intent_p2, float32 intent_p3, int16 intent_code, int16 datatype, int16 bitpix,
   int16 slice_start, float32:8 pixdim, float32 vox_offset, float32 scl_slope, float32 scl_inter, int16 slice_end,
   uint8 slice_code, uint8 xyzt_units, float32 cal_max, float32 cal_min, float32 slice_duration, float32 toffset,
   int32 glmax, int32 glmin, text:80 descrip, text:24 aux_file, int16 qform_code, int16 sform_code,
   float32 quatern_b, float32 quatern_c, float32 quatern_d, float32 qoffset_x, float32 qoffset_y, float32 qoffset_z,
   float32:4 srow_x, float32:4 srow_y, float32:4 srow_z, text:16 intent_name, text:4 magic`,
);

export const NIFTI2 = layout(
  2,
  "n+2\0\r\n\x1a\n",
  `int32 sizeof_hdr, text:8 magic, int16 datatype, int16 bitpix, int64:8 dim, float64 intent_p1, float64 intent_p2,
   float64 intent_p3, float64:8 pixdim, int64 vox_offset, float64 scl_slope, float64 scl_inter, float64 cal_max,
   float64 cal_min, float64 slice_duration, float64 toffset, int64 slice_start, int64 slice_end, text:80 descrip,
   text:24 aux_file, int32 qform_code, int32 sform_code, float64 quatern_b, float64 quatern_c, float64 quatern_d,
   float64 qoffset_x, float64 qoffset_y, float64 qoffset_z, float64:4 srow_x, float64:4 srow_y, float64:4 srow_z,
   int32 slice_code, int32 xyzt_units, int32 intent_code, text:16 intent_name, uint8 dim_info, text:15 unused_str`,
);

/** @param list  `TYPE[:COUNT] NAME`, separated by commas */
function layout(version: 1 | 2, magic: string, list: string): Layout {
  const fields = new Map<string, Field>();
  let at = 0;
  for (const entry of list.split(",")) {
    const [type, name] = entry.trim().split(/\s+/);
    const [kind, count = "1"] = type.split(":") as [Kind, string?];
    fields.set(name, { name, kind, count: Number(count), at });
    at += WIDTH[kind] * Number(count);
  }
  return { version, size: at, magic, fields };
}

export function offsetOf(layout: Layout, name: string, index = 0): number {
  const { at, kind } = layout.fields.get(name)!;
  return at + index * WIDTH[kind];
}

/** Text up to its first zero, or numbers; a 64-bit integer beyond 2^53 is rounded, and no size or offset can be one. */
export function readField(bytes: Bytes, { kind, at, count }: Field, isLittle: boolean): string | number[] {
  if (kind === "text") return bytes.text(at, count);
  return Array.from({ length: count }, (_, i) => {
    const place = at + i * WIDTH[kind];
    if (kind !== "int64") return bytes[kind](place);
    const [low, high] = isLittle ? [place, place + 4] : [place + 4, place];
    return bytes.int32(high) * 2 ** 32 + bytes.uint32(low);
  });
}

/** @param values  as many as the field has; text is filled up with zeros */
export function writeField(
  header: DataView,
  { kind, at, count }: Field,
  values: string | readonly number[],
  isLittle: boolean,
): void {
  for (let i = 0; i < count; i++) {
    const place = at + i * WIDTH[kind];
    const value = typeof values === "string" ? (i < values.length ? values.charCodeAt(i) : 0) : values[i];
    if (kind === "text" || kind === "uint8") header.setUint8(place, value);
    else if (kind === "int16") header.setInt16(place, value, isLittle);
    else if (kind === "int32") header.setInt32(place, value, isLittle);
    else if (kind === "int64") header.setBigInt64(place, BigInt(value), isLittle);
    else if (kind === "float32") header.setFloat32(place, value, isLittle);
    else header.setFloat64(place, value, isLittle);
  }
}
