/** NIfTI files built from parts, true or not. */
import { type Layout, NIFTI1, NIFTI2, writeField } from "../../src/image/nifti-fields.ts";

interface Parts {
  readonly version?: 1 | 2;
  readonly size?: readonly [number, number, number];
  /** Of an integer or float as long as this; int16 is 16 */
  readonly bits?: number;
  readonly sform?: boolean;
}

/** int16 with values 0, 1, 2 ..., spacing 2 x 3 x 4 mm. */
export function nifti({ version = 1, size = [3, 2, 2], bits = 16, sform = true }: Parts): Uint8Array<ArrayBuffer> {
  const layout = version === 1 ? NIFTI1 : NIFTI2;
  const start = layout.size + 4;
  const count = size[0] * size[1] * size[2];
  const bytes = new Uint8Array(start + (count * bits) / 8);
  for (let i = 0; i < count; i++) bytes[start + (i * bits) / 8] = i;
  set(bytes, layout, {
    sizeof_hdr: layout.size,
    magic: layout.magic,
    dim: [3, ...size, 1, 1, 1, 1],
    pixdim: [1, 2, 3, 4, 1, 1, 1, 1],
    datatype: 4,
    bitpix: 16,
    vox_offset: start,
    xyzt_units: 2,
    sform_code: sform ? 1 : 0,
    srow_x: [2, 0, 0, -10],
    srow_y: [0, 3, 0, -20],
    srow_z: [0, 0, 4, -30],
  });
  return bytes;
}

type Values = Readonly<Record<string, string | number | readonly number[]>>;

function set(bytes: Uint8Array, layout: Layout, values: Values): void {
  for (const [name, value] of Object.entries(values))
    writeField(view(bytes), layout.fields.get(name)!, typeof value === "number" ? [value] : value, true);
}

/** A copy of a little-endian file with fields changed: `{ "dim[3]": -4 }`. */
export function changed(file: Uint8Array, fields: Readonly<Record<string, number>>): Uint8Array<ArrayBuffer> {
  const bytes = file.slice();
  const layout = bytes[0] === 92 ? NIFTI1 : NIFTI2;
  for (const [label, value] of Object.entries(fields)) {
    const [name, index = "0"] = label.split(/[[\]]/);
    const { at, kind, count } = layout.fields.get(name)!;
    const width = kind === "int64" || kind === "float64" ? 8 : kind === "int16" ? 2 : kind === "uint8" ? 1 : 4;
    if (Number(index) >= count) throw new Error(`${label} is no field`);
    // A 64-bit integer knows no NaN and no fractions.
    const stored = kind !== "int64" ? value : Number.isFinite(value) ? Math.trunc(value) : -(2 ** 63);
    writeField(view(bytes), { name, kind, count: 1, at: at + width * Number(index) }, [stored], true);
  }
  return bytes;
}

function view({ buffer, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset);
}
