/** Bytes of any file that is read to an image or a volume: the first format that knows the file's signature has it. */
import type { Grid, Image } from "../core/index.ts";
import { checkStart, decodeImage } from "./decode.ts";
import { decodeDicom, type ListedSeries, listDicom, looksLikeDicom, type NamedFile } from "./dicom.ts";
import { ImageFormatError } from "./errors.ts";
import { isGzip } from "./gzip.ts";
import { decodeJpeg } from "./jpeg.ts";
import { readJpegParts } from "./jpeg-markers.ts";
import { niftiSize, readNifti } from "./nifti.ts";
import { isNifti, niftiHeaderOf } from "./nifti-header.ts";
import { decodeNrrd, nrrdSize } from "./nrrd.ts";
import { hasPngSignature } from "./png-chunks.ts";
import { decodeTiff, tiffSize } from "./tiff.ts";
import type { Volume } from "./volume.ts";
import { isZip } from "./zip.ts";

export type Opened =
  | { readonly kind: "image"; readonly image: Image }
  | { readonly kind: "volume"; readonly volume: Volume };

/** What a file may be by its beginning: something small, something large, or DICOM, of which several files may be one volume. */
export type FileKind = "image" | "volume" | "dicom";

interface Format {
  readonly kind: FileKind;
  /** What a file of it is called at its end. */
  readonly ending: (bytes: Uint8Array) => string;
  readonly knows: (bytes: Uint8Array, source: string) => boolean;
  readonly open: (bytes: Uint8Array, source: string) => Opened | Promise<Opened>;
  /** Refuses by the file's beginning alone. */
  readonly check?: (start: Uint8Array, source: string) => void;
  /** By its header alone; without, it is decoded for it. */
  readonly size?: (bytes: Uint8Array, source: string) => Grid | Volume["size"];
}

const PNG: Format = {
  kind: "image",
  ending: () => ".png",
  knows: hasPngSignature,
  open: openImage,
  check: checkStart,
};
const DICOM: Format = { kind: "dicom", ending: () => ".dcm", knows: hasDicomMark, open: openDicom };

const FORMATS: readonly Format[] = [
  PNG,
  // Before the others: what stands in front of the mark can be anything.
  DICOM,
  { ...DICOM, ending: () => ".zip", knows: isZip },
  { kind: "volume", ending: () => ".img", knows: isVoxelHalf, open: refuseVoxelHalf, check: refuseVoxelHalf },
  {
    kind: "volume",
    ending: (bytes) => (isGzip(bytes) ? ".nii.gz" : ".nii"),
    knows: isNifti,
    open: async (bytes, source) => ({ kind: "volume", volume: await readNifti(bytes, source) }),
    check: niftiSize,
    size: niftiSize,
  },
  {
    kind: "volume",
    ending: () => ".nrrd",
    knows: isNrrd,
    open: (bytes, source) => ({ kind: "volume", volume: decodeNrrd(bytes, source).volume }),
    size: nrrdSize,
  },
  {
    kind: "image",
    ending: () => ".tif",
    knows: isTiff,
    open: (bytes, source) => ofEither(decodeTiff(bytes, source)),
    size: tiffSize,
  },
  {
    kind: "image",
    ending: () => ".jpg",
    knows: isJpeg,
    open: async (bytes, source) => ({ kind: "image", image: await decodeJpeg(bytes, source) }),
    size: readJpegParts,
  },
  // Last: a data set without a preamble has no mark, and is guessed from its first element.
  { ...DICOM, knows: looksLikeDicom },
];

/** What nobody knows, the reader of PNG names in its refusal. */
function formatOf(bytes: Uint8Array, source: string): Format {
  return FORMATS.find(({ knows }) => knows(bytes, source)) ?? PNG;
}

/**
 * @param bytes   a whole file
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when no format knows it, or the one that does refuses it
 */
export async function decodeAny(bytes: Uint8Array, source: string): Promise<Opened> {
  return formatOf(bytes, source).open(bytes, source);
}

/**
 * One image from its files: those of a DICOM series, or a single file.
 *
 * @param part  which of the images that begin in the first file, from 0; only DICOM has more than one
 * @throws {ImageFormatError} as `decodeAny`, and when any slice cannot be decoded: the size would not be what `gridOf` says
 */
export async function decodeFiles(files: readonly NamedFile[], part = 0): Promise<Opened> {
  const [{ name, bytes }] = files;
  if (formatOf(bytes, name).kind !== "dicom") return decodeAny(bytes, name);
  const { volume, refused } = await seriesIn(files, part).read();
  const [first] = refused;
  if (!first && volume) return { kind: "volume", volume };
  if (!volume) throw first;
  const { source, code, offset, message } = first;
  throw new ImageFormatError(code, {
    source,
    ...(offset === undefined ? {} : { offset }),
    message: `${message.slice(source.length + 1)} It is one of ${refused.length} of this series that cannot be read. Move them to another folder to open the rest.`,
    cause: first,
  });
}

/** An image's grid, or a volume's: [i, j * k], with as many slices one under the other as `depth` says. */
export interface OpenedGrid extends Grid {
  readonly depth?: number;
}

/**
 * The grid of what files hold, as `decodeFiles` takes them. Where a header says it, nothing else is read, so that what is damaged further on is found by who decodes it.
 *
 * @throws {ImageFormatError} as `decodeFiles`
 */
export async function gridOf(files: readonly NamedFile[], part = 0): Promise<OpenedGrid> {
  const [{ name, bytes }] = files;
  const { kind, size } = formatOf(bytes, name);
  if (kind === "dicom") {
    const { columns, rows, sliceCount } = seriesIn(files, part);
    return gridOfVolume([columns, rows, sliceCount]);
  }
  const opened = size ? null : await decodeAny(bytes, name);
  const found = size?.(bytes, name) ?? (opened?.kind === "image" ? opened.image : opened!.volume.size);
  if (!("width" in found)) return gridOfVolume(found);
  return { width: found.width, height: found.height };
}

function gridOfVolume([ni, nj, nk]: Volume["size"]): OpenedGrid {
  return { width: ni, height: nj * nk, depth: nk };
}

function seriesIn(files: readonly NamedFile[], part: number): ListedSeries {
  const { series, refused } = listDicom(files);
  const [{ name }] = files;
  const found = series.filter((one) => one.files[0] === name)[part];
  if (found) return found;
  throw refused[0] ?? noSeries(name);
}

/**
 * Says from a file's first `START_BYTES` bytes (`PACKED_START_BYTES` of a gzip file) what it may be, without reading the rest. A TIFF counts as an image
 * until its pages are read.
 *
 * @throws {ImageFormatError} when it is nothing that is read
 */
export function checkAnyStart(start: Uint8Array, source: string): FileKind {
  const { kind, check } = formatOf(start, source);
  check?.(start, source);
  return kind;
}

/** What a file is called at its end, by what it holds: ".nii.gz". */
export function endingOf(bytes: Uint8Array, source: string): string {
  return formatOf(bytes, source).ending(bytes);
}

function openImage(bytes: Uint8Array, source: string): Opened {
  return { kind: "image", image: decodeImage(bytes, source) };
}

function hasDicomMark(bytes: Uint8Array): boolean {
  return startsWith(bytes.subarray(128), "DICM");
}

/** The largest series of an archive. */
async function openDicom(bytes: Uint8Array, source: string): Promise<Opened> {
  const { series, refused } = await decodeDicom([{ name: source, bytes }]);
  if (series.length === 0) throw isZip(bytes) ? noSeries(source, refused[0]) : refused[0];
  return { kind: "volume", volume: series[0].volume };
}

function noSeries(source: string, cause?: ImageFormatError): ImageFormatError {
  const why = cause ? ` (${cause.message.replace(/\.$/, "")})` : "";
  return new ImageFormatError(cause?.code ?? "unsupported", {
    source,
    message: `holds no DICOM images that are read${why}. If it is an archive of other images, unpack it and open those.`,
    cause,
  });
}

function isJpeg(bytes: Uint8Array): boolean {
  return startsWith(bytes, "\xff\xd8\xff");
}

/** BigTIFF too, which its reader refuses by name. */
function isTiff(bytes: Uint8Array): boolean {
  return ["II*\0", "MM\0*", "II+\0", "MM\0+"].some((signature) => startsWith(bytes, signature));
}

function isNrrd(bytes: Uint8Array): boolean {
  return startsWith(bytes, "NRRD");
}

function startsWith(bytes: Uint8Array, signature: string): boolean {
  return [...signature].every((character, i) => bytes[i] === character.charCodeAt(0));
}

function ofEither(opened: Image | Volume): Opened {
  return "toWorld" in opened ? { kind: "volume", volume: opened } : { kind: "image", image: opened };
}

/** Voxels alone have no signature; only the name tells. */
function isVoxelHalf(bytes: Uint8Array, source: string): boolean {
  return /\.img(\.gz)?$/i.test(source) && niftiHeaderOf(bytes, source) === null;
}

function refuseVoxelHalf(_: Uint8Array, source: string): never {
  throw new ImageFormatError("unsupported", {
    source,
    message:
      "is the half of a NIfTI or ANALYZE pair that holds the voxels; their size is in a second file (.hdr). Save both as one .nii or .nii.gz file and open that.",
  });
}
