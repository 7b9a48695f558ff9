/** Names what a file is by its first bytes, so that a refusal can say more than "not a PNG". */

export interface KnownFormat {
  /** Reads after "is ": "a JPEG image". */
  readonly name: string;
  readonly advice: string;
}

const CONVERT = "Save it as PNG (8 or 16 bit gray) and open that.";
const VOLUME = "Save it as NIfTI (.nii.gz), or the slice you want to annotate as PNG, and open that.";
const DOWNLOAD = "If it was downloaded, the server may have sent a page instead of the image: download it again.";

interface Signature extends KnownFormat {
  readonly at: number;
  /** The bytes at `at`, one character a byte. */
  readonly bytes: string;
}

const SIGNATURES: readonly Signature[] = [
  { at: 0, bytes: "\xff\xd8\xff", name: "a JPEG image", advice: CONVERT },
  { at: 0, bytes: "II*\0", name: "a TIFF image", advice: CONVERT },
  { at: 0, bytes: "MM\0*", name: "a TIFF image", advice: CONVERT },
  { at: 0, bytes: "II+\0", name: "a BigTIFF image", advice: CONVERT },
  { at: 0, bytes: "MM\0+", name: "a BigTIFF image", advice: CONVERT },
  { at: 128, bytes: "DICM", name: "a DICOM file", advice: VOLUME },
  { at: 344, bytes: "n+1\0", name: "a NIfTI volume", advice: VOLUME },
  { at: 344, bytes: "ni1\0", name: "the header of a NIfTI pair", advice: VOLUME },
  { at: 4, bytes: "n+2\0", name: "a NIfTI-2 volume", advice: VOLUME },
  { at: 4, bytes: "ni2\0", name: "the header of a NIfTI-2 pair", advice: VOLUME },
  { at: 0, bytes: "\x1f\x8b", name: "a gzip file, such as a compressed NIfTI volume", advice: VOLUME },
  { at: 0, bytes: "GIF8", name: "a GIF image", advice: CONVERT },
  { at: 0, bytes: "BM", name: "a BMP image", advice: CONVERT },
  { at: 8, bytes: "WEBP", name: "a WebP image", advice: CONVERT },
  { at: 0, bytes: "%PDF", name: "a PDF document", advice: "Save the image in it as PNG and open that." },
  { at: 4, bytes: "ftyp", name: "a HEIC or AVIF image or a video", advice: CONVERT },
  { at: 0, bytes: "\0\0\0\x0cjP", name: "a JPEG 2000 image", advice: CONVERT },
  { at: 0, bytes: "\xff\x4f\xff\x51", name: "a JPEG 2000 image", advice: CONVERT },
  { at: 0, bytes: "\x8aMNG", name: "an MNG animation", advice: CONVERT },
  { at: 0, bytes: "\x89HDF", name: "an HDF5 file", advice: VOLUME },
  { at: 0, bytes: "ObjectType = Image", name: "a MetaImage volume", advice: VOLUME },
  { at: 0, bytes: "NDims = ", name: "a MetaImage volume", advice: VOLUME },
  { at: 0, bytes: "NRRD", name: "an NRRD volume", advice: VOLUME },
  { at: 0, bytes: "\x93NUMPY", name: "a NumPy array", advice: CONVERT },
  { at: 0, bytes: "8BPS", name: "a Photoshop document", advice: CONVERT },
  { at: 0, bytes: "PK\x03\x04", name: "a zip archive", advice: "Unpack it and open the images in it." },
  {
    at: 0,
    bytes: "\x89PNG",
    name: "a PNG that was changed by a transfer as text",
    advice: "Copy the original again, in binary mode.",
  },
];

/** Bytes looked at to tell text from data. */
const TEXT_SAMPLE = 512;

/** @returns what the file is, or null when it is nothing we know */
export function nameFormat(bytes: Uint8Array): KnownFormat | null {
  return SIGNATURES.find((signature) => hasSignature(bytes, signature)) ?? nameText(bytes);
}

function hasSignature(bytes: Uint8Array, { at, bytes: expected }: Signature): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected.charCodeAt(i)) return false;
  return true;
}

function nameText(bytes: Uint8Array): KnownFormat | null {
  const sample = bytes.subarray(0, TEXT_SAMPLE);
  const isUtf16 = (sample[0] === 0xff && sample[1] === 0xfe) || (sample[0] === 0xfe && sample[1] === 0xff);
  if (!isUtf16 && !sample.every(isTextByte)) return null;
  const start = new TextDecoder().decode(sample).trimStart().toLowerCase();
  if (start.startsWith("<!doctype html") || start.startsWith("<html"))
    return { name: "a web page (HTML)", advice: DOWNLOAD };
  if (start.includes("<svg")) return { name: "an SVG drawing", advice: CONVERT };
  if (start.startsWith("<?xml")) return { name: "an XML file", advice: DOWNLOAD };
  if (start.startsWith("version https://git-lfs"))
    return { name: "a Git LFS pointer, not the image itself", advice: "Fetch the image with: git lfs pull." };
  return { name: "a text file", advice: "Open the image itself." };
}

/** Printable, or tab, line feed, form feed, carriage return, or a part of a longer UTF-8 or Latin character. */
function isTextByte(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : byte === 9 || byte === 10 || byte === 12 || byte === 13;
}
