/** One slice of a NIfTI file, read from a part of it: something to look at while the rest is on its way. */
import { START_BYTES } from "./decode.ts";
import { isGzip } from "./gzip.ts";
import { gunzipStartNatively } from "./gzip-native.ts";
import { decodeNifti } from "./nifti.ts";
import { writeField } from "./nifti-fields.ts";
import { isNifti, readNiftiHeader, startOf } from "./nifti-header.ts";
import { DATATYPES } from "./nifti-voxels.ts";
import type { Volume } from "./volume.ts";

/** A larger slice is not soon here either. */
const LARGEST_SLICE = 64 * 2 ** 20;
/** Of a packed file so much is read, and so much unpacked: the last slice within is shown. */
const PACKED = 2 * 2 ** 20;
const UNPACKED = 6 * 2 ** 20;

/**
 * The middle slice (k), or of a packed file one that is soon unpacked, as a volume of its own.
 *
 * @param part  bytes of the file from `start` to before `end`, or fewer where it ends earlier
 * @returns     null when the file is no NIfTI, or there is no whole slice in the part that is read
 * @throws {ImageFormatError} as `decodeNifti`
 */
export async function previewNifti(
  part: (start: number, end: number) => Promise<Uint8Array>,
  source: string,
): Promise<Volume | null> {
  const beginning = await part(0, START_BYTES);
  if (!isNifti(beginning)) return null;
  const packed = isGzip(beginning) ? await part(0, PACKED) : null;
  const start = packed ? startOf(packed, source) : beginning;
  const header = readNiftiHeader(start, source);
  const dim = header.numbers("dim");
  const bits = DATATYPES.get(header.number("datatype"))?.bits ?? 0;
  const sliceBytes = (dim[1] * dim[2] * bits) / 8;
  const offset = header.number("vox_offset");
  const middle = dim[0] > 2 ? dim[3] >> 1 : 0;
  if (!(sliceBytes > 0 && sliceBytes <= LARGEST_SLICE && offset >= 0 && offset <= UNPACKED)) return null;
  let slice: Uint8Array;
  if (packed) {
    const most = Math.min(UNPACKED, offset + (middle + 1) * sliceBytes);
    const unpacked = await gunzipStartNatively(packed, most, source);
    const last = Math.floor((unpacked.length - offset) / sliceBytes) - 1;
    if (last < 0) return null;
    slice = unpacked.subarray(offset + last * sliceBytes, offset + (last + 1) * sliceBytes);
  } else {
    const first = offset + middle * sliceBytes;
    slice = await part(first, first + sliceBytes);
    if (slice.length < sliceBytes) return null;
  }
  const { layout, isLittle } = header;
  // A file of that slice alone, which the reader of whole files reads.
  const file = new Uint8Array(offset + sliceBytes);
  file.set(start.subarray(0, Math.min(start.length, layout.size)));
  file.set(slice, offset);
  const single = [Math.min(dim[0], 3), dim[1], dim[2], 1, 1, 1, 1, 1];
  writeField(new DataView(file.buffer), layout.fields.get("dim")!, single, isLittle);
  return decodeNifti(file, source);
}
