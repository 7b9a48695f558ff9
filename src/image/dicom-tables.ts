/** Look-up tables of a DICOM file: a palette (PS3.3, section C.7.9) becomes luminance, a Modality LUT (C.11.1) intensities. */
import { TAG, type Tag } from "./dicom-tags.ts";
import type { DataSet } from "./dicom-values.ts";
import { ImageFormatError } from "./errors.ts";
import { luma } from "./luma.ts";

export interface Table {
  /** The stored value that the first entry is for; smaller ones get it as well, and those past the end the last one */
  readonly first: number;
  readonly values: Uint16Array;
  /** Of a value */
  readonly bits: number;
}

/**
 * @param isSigned  whether stored values, and so the first one that is mapped, have a sign
 * @returns null where there is neither a palette nor a Modality LUT
 */
export function readTable(data: DataSet, isPalette: boolean, isSigned: boolean, source: string): Table | null {
  if (!isPalette) {
    const item = data.items(TAG.modalityTable)[0];
    return item ? oneTable(item, TAG.tableDescriptor, TAG.tableData, isSigned) : null;
  }
  if (data.element(TAG.segmentedRedPalette))
    throw new ImageFormatError("unsupported", {
      source,
      message:
        "is a DICOM image with a segmented palette, which this version does not read. Convert it, for instance with: gdcmconv --raw.",
    });
  const red = oneTable(data, TAG.redDescriptor, TAG.redPalette, isSigned);
  const green = oneTable(data, TAG.greenDescriptor, TAG.greenPalette, isSigned);
  const blue = oneTable(data, TAG.blueDescriptor, TAG.bluePalette, isSigned);
  if (green.values.length !== red.values.length || blue.values.length !== red.values.length)
    throw data.refuse(TAG.redDescriptor, "is for another number of entries than those of green or blue");
  return { ...red, values: red.values.map((value, i) => luma(value, green.values[i], blue.values[i])) };
}

/** The descriptor has the number of entries (0 for 65,536), the first stored value, and the bits of an entry. */
function oneTable(data: DataSet, descriptor: Tag, entries: Tag, isSigned: boolean): Table {
  const head = data.shorts(descriptor, 3);
  if (!head) throw data.refuse(descriptor, "is missing");
  const count = head[0] || 65_536;
  const first = isSigned ? (head[1] << 16) >> 16 : head[1];
  const bits = head[2];
  if (bits < 8 || bits > 16) throw data.refuse(descriptor, `says an entry has ${bits} bits; 8 to 16 are read`);
  const element = data.element(entries);
  const bytes = data.raw(entries) ?? new Uint8Array(0);
  // Entries of 8 bits come two in a word or one in a word.
  const isPacked = bits === 8 && bytes.length < 2 * count;
  if (!element || bytes.length < (isPacked ? count : 2 * count))
    throw data.refuse(entries, `takes ${bytes.length} bytes, too few for ${count} entries`);
  const value = (i: number) => (isPacked ? data.bytes.uint8(element.at + i) : data.bytes.uint16(element.at + 2 * i));
  const mask = 2 ** bits - 1;
  return { first, values: Uint16Array.from({ length: count }, (_, i) => value(i) & mask), bits };
}
