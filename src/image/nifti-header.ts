/** Which NIfTI a file is, in which byte order, and the values of its header's fields. */
import { Bytes } from "./bytes.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";
import { gunzipStart, isGzip } from "./gzip.ts";
import { type Layout, NIFTI1, NIFTI2, offsetOf, readField } from "./nifti-fields.ts";

/** Says whether extensions follow the header; it is there in every single file. */
export const EXTENSION_FLAG_BYTES = 4;

export class NiftiHeader {
  readonly layout: Layout;
  readonly isLittle: boolean;
  private readonly bytes: Bytes;

  constructor(bytes: Uint8Array, source: string, layout: Layout, isLittle: boolean) {
    this.bytes = new Bytes(bytes, source, isLittle);
    this.layout = layout;
    this.isLittle = isLittle;
  }

  numbers(name: string): readonly number[] {
    return readField(this.bytes, this.layout.fields.get(name)!, this.isLittle) as number[];
  }

  number(name: string, index = 0): number {
    return this.numbers(name)[index];
  }

  /** Every field in the file's order, for people. */
  list(): { name: string; offset: number; value: string | readonly number[] }[] {
    return [...this.layout.fields.values()].map((field) => ({
      name: field.name,
      offset: field.at,
      value: readField(this.bytes, field, this.isLittle),
    }));
  }

  /** @param message  reads after "dim[3] is -4 at byte 46": what it must be */
  refuse(code: ImageFormatCode, name: string, index: number, message: string): ImageFormatError {
    const { count } = this.layout.fields.get(name)!;
    const offset = offsetOf(this.layout, name, index);
    const label = count > 1 ? `${name}[${index}]` : name;
    return this.bytes.refuse(
      code,
      offset,
      `has a NIfTI header whose ${label} is ${this.number(name, index)} at byte ${offset}; ${message}`,
    );
  }
}

/**
 * @param start  the file's first 540 bytes or more, unpacked
 * @throws {ImageFormatError} when it is no single NIfTI file, or ends within the header
 */
export function readNiftiHeader(start: Uint8Array, source: string): NiftiHeader {
  const refuse = (code: ImageFormatCode, offset: number, message: string) =>
    new ImageFormatError(code, { source, offset, message });
  for (const layout of [NIFTI1, NIFTI2]) {
    const isLittle = sizeField(start, true) === layout.size;
    if (!isLittle && sizeField(start, false) !== layout.size) continue;
    const name = `NIfTI-${layout.version}`;
    const at = offsetOf(layout, "magic");
    const isSingle = hasText(start, at, layout.magic);
    const needed = layout.size + EXTENSION_FLAG_BYTES;
    // The header of a pair, as that of ANALYZE, is a file of its own, and ends here.
    if (start.length < (isSingle ? needed : layout.size))
      throw refuse(
        "cut-short",
        start.length,
        `is a ${name} file that is cut short: its header takes ${needed} bytes, and ${start.length} are there. Copy or export it again.`,
      );
    if (isSingle) return new NiftiHeader(start, source, layout, isLittle);
    if (hasText(start, at, `ni${layout.version}\0`))
      throw refuse(
        "unsupported",
        at,
        `is the header of a ${name} pair; its voxels are in a second file (.img). Save both as one .nii or .nii.gz file and open that.`,
      );
    if (layout === NIFTI1)
      throw refuse(
        "unsupported",
        at,
        "is an ANALYZE 7.5 header, or a damaged NIfTI-1 file: it has no NIfTI mark at byte 344. Save it as .nii.gz and open that.",
      );
    throw refuse(
      "damaged",
      at,
      "is a damaged NIfTI-2 file: its mark at byte 4 is wrong. Copy it again, in binary mode.",
    );
  }
  if (hasNiftiMark(start))
    throw refuse(
      "bad-header",
      0,
      `is a damaged NIfTI file: its header begins with the size ${sizeField(start, true)}, and it must be 348 or 540. Copy or export it again.`,
    );
  if (start.length < 4)
    throw refuse(
      "cut-short",
      start.length,
      `is cut short: it ends after ${start.length} bytes. Copy or export it again.`,
    );
  throw refuse(
    "not-png",
    0,
    "holds no NIfTI volume: what it begins with, unpacked if it was packed, is no NIfTI header.",
  );
}

/** Whether bytes, packed or not, are to be read as NIfTI. Every gzip file is: no other format of ours is packed so. */
export function isNifti(bytes: Uint8Array): boolean {
  return isGzip(bytes) || hasNiftiMark(bytes) || [true, false].some((order) => isHeaderSize(sizeField(bytes, order)));
}

/**
 * The header for people to look at, also of a file that is refused later on.
 *
 * @returns null when there is none that can be read
 */
export function niftiHeaderOf(bytes: Uint8Array, source: string): NiftiHeader | null {
  try {
    return readNiftiHeader(startOf(bytes, source), source);
  } catch (error) {
    if (error instanceof ImageFormatError) return null;
    throw error;
  }
}

/** What a header is read from: the file's beginning, unpacked. */
export function startOf(bytes: Uint8Array, source: string): Uint8Array {
  return isGzip(bytes) ? gunzipStart(bytes, NIFTI2.size + EXTENSION_FLAG_BYTES, source) : bytes;
}

function isHeaderSize(size: number | null): boolean {
  return size === NIFTI1.size || size === NIFTI2.size;
}

/** @returns null when the file is shorter */
function sizeField(bytes: Uint8Array, isLittle: boolean): number | null {
  if (bytes.length < 4) return null;
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, isLittle);
}

function hasNiftiMark(bytes: Uint8Array): boolean {
  return [NIFTI1, NIFTI2].some((layout) => {
    const at = offsetOf(layout, "magic");
    return hasText(bytes, at, layout.magic.slice(0, 4)) || hasText(bytes, at, `ni${layout.version}\0`);
  });
}

function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
