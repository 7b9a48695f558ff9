/** One slice of a NIfTI file, read from a part of it: something to look at while the rest is on its way. */
import { START_BYTES } from "./decode.ts";
import { isGzip } from "./gzip.ts";
import { decodeNifti } from "./nifti.ts";
import { writeField } from "./nifti-fields.ts";
import { isNifti, readNiftiHeader } from "./nifti-header.ts";
import { DATATYPES } from "./nifti-voxels.ts";
import type { Volume } from "./volume.ts";

/** Of a packed file so much is read, and so much unpacked: the last slice within is shown. */
const PACKED = 4 * 2 ** 20;
const UNPACKED = 24 * 2 ** 20;
const LONGEST_HEADER = 1024;

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
  const start = packed ? await unpackedStart(packed, LONGEST_HEADER) : beginning;
  const header = readNiftiHeader(start, source);
  const dim = header.numbers("dim");
  const bits = DATATYPES.get(header.number("datatype"))?.bits ?? 0;
  const sliceBytes = (dim[1] * dim[2] * bits) / 8;
  const offset = header.number("vox_offset");
  const middle = dim[0] > 2 ? dim[3] >> 1 : 0;
  if (!(sliceBytes > 0 && sliceBytes <= UNPACKED && offset >= 0 && offset <= UNPACKED)) return null;
  let slice: Uint8Array;
  if (packed) {
    const most = Math.min(UNPACKED, offset + (middle + 1) * sliceBytes);
    const unpacked = await unpackedStart(packed, most);
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

/** The first bytes that a part of a gzip file unpacks to, by the platform's own means: several times as fast as `gunzipStart`. */
async function unpackedStart(packed: Uint8Array, most: number): Promise<Uint8Array> {
  const start = new Uint8Array(most);
  let filled = 0;
  const stream = new DecompressionStream("gzip");
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  // A part ends in the middle of the data, which is an error to whoever waits for the end; what came before it is right.
  const written = writer.write(new Uint8Array(packed)).then(() => writer.close());
  written.catch(() => undefined);
  try {
    while (filled < most) {
      const { done, value } = await reader.read();
      if (done) break;
      start.set(value.subarray(0, most - filled), filled);
      filled = Math.min(most, filled + value.length);
    }
    await reader.cancel();
  } catch {
    return start.subarray(0, filled);
  }
  return start.subarray(0, filled);
}
