/**
 * Bytes of a TIFF file to an image or a volume, with every value as it was stored.
 *
 *   one page, gray or color, unsigned up to 16 bits   an `Image`, by the rules of PNG (`decode.ts`): 1, 2 and 4 bits are spread to 0 to 255,
 *                                                     color becomes luma, alpha is ignored
 *   several pages of one size, or 32 bits, float,     a `Volume`, the pages its slices
 *   signed
 *
 * Read are strips and tiles, chunky and planar, both byte orders, without compression or with LZW, zlib ("deflate") or PackBits. Pixels stay as they
 * are stored, also where an orientation tag says to turn them. `tiff-pages.ts` has checked what the file claims.
 */
import type { Grid, Image } from "../core/index.ts";
import { AXIS_LIMIT, Bytes, claim } from "./bytes.ts";
import { luma } from "./luma.ts";
import { PALETTE, RGB, readPages, type TiffPage, WHITE_IS_ZERO } from "./tiff-pages.ts";
import { pageGeometry, requirePlainStack } from "./tiff-stack.ts";
import { samplesFor, unpackPart } from "./tiff-unpack.ts";
import type { Volume, VoxelData } from "./volume.ts";

/**
 * @param bytes   a whole file
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when it is not a TIFF, is damaged, too large, or of a kind that is not read
 */
export function decodeTiff(bytes: Uint8Array, source: string): Image | Volume {
  const pages = readPages(bytes, source);
  const [first] = pages;
  const reader = new Bytes(bytes, source, bytes[0] === 0x49);
  requirePlainStack(pages, reader);
  if (isImage(pages)) {
    const data = grayOf(first, reader);
    if (data instanceof Uint8Array) return { width: first.width, height: first.height, data, maximum: 255 };
    if (data instanceof Uint16Array) return { width: first.width, height: first.height, data, maximum: 65535 };
  }
  const size = [first.width, first.height, pages.length] as const;
  const axis = Math.max(...size);
  if (axis > AXIS_LIMIT)
    throw reader.refuse(
      "too-large",
      0,
      `is ${axis} voxels long; up to ${AXIS_LIMIT} are read. Cut out the part you need.`,
    );
  const slice = first.width * first.height;
  claim(source, slice * pages.length * Math.ceil(first.bits / 8), Number.POSITIVE_INFINITY);
  const data = samplesFor(first, slice * pages.length);
  pages.forEach((page, k) => {
    data.set(grayOf(page, reader), k * slice);
  });
  return {
    size,
    data,
    slope: 1,
    intercept: 0,
    modality: null,
    windows: [],
    origin: { kind: "other" },
    ...pageGeometry(first),
  };
}

/** What it holds by its header alone: an image's grid, or a volume's size. @throws {ImageFormatError} as `decodeTiff` */
export function tiffSize(bytes: Uint8Array, source: string): Grid | Volume["size"] {
  const pages = readPages(bytes, source);
  requirePlainStack(pages, new Bytes(bytes, source, bytes[0] === 0x49));
  const [{ width, height }] = pages;
  return isImage(pages) ? { width, height } : [width, height, pages.length];
}

function isImage([first, ...others]: readonly TiffPage[]): boolean {
  return others.length === 0 && first.format === "unsigned" && first.bits <= 16;
}

/** [H, W] */
function grayOf(page: TiffPage, bytes: Bytes): VoxelData {
  const { samples, bits, photometric } = page;
  const stored = samplesOf(page, bytes);
  const gray = samples === 1 ? stored : samplesFor(page, page.width * page.height);
  const entries = page.palette.length / 3;
  // A palette has 16 bits a color; the upper 8 count, as in Pillow.
  const color = (index: number, channel: number) => page.palette[channel * entries + index] >> 8;
  const spread = bits < 8 ? 255 / (2 ** bits - 1) : 1;
  const white = bits < 8 ? 255 : 2 ** bits - 1;
  for (let i = 0, at = 0; i < gray.length; i++, at += samples) {
    if (photometric === RGB) gray[i] = luma(stored[at], stored[at + 1], stored[at + 2]);
    else if (photometric === PALETTE) gray[i] = luma(color(stored[i], 0), color(stored[i], 1), color(stored[i], 2));
    else gray[i] = photometric === WHITE_IS_ZERO ? white - spread * stored[at] : spread * stored[at];
  }
  return gray;
}

/** [H, W, samples] from the strips or tiles. */
function samplesOf(page: TiffPage, bytes: Bytes): VoxelData {
  const { width, height, samples, part, isPlanar, segments } = page;
  const out = samplesFor(page, width * height * samples);
  const [across, down] = [Math.ceil(width / part.width), Math.ceil(height / part.height)];
  const inPart = isPlanar ? 1 : samples;
  segments.forEach((segment, n) => {
    const plane = Math.floor(n / (across * down));
    const [left, top] = [(n % across) * part.width, (Math.floor(n / across) % down) * part.height];
    const rows = Math.min(part.height, height - top);
    const columns = Math.min(part.width, width - left);
    const values = unpackPart(page, segment, page.isTiled ? part.height : rows, bytes);
    for (let y = 0; y < rows; y++) {
      const from = y * part.width * inPart;
      const to = ((top + y) * width + left) * samples + plane;
      if (!isPlanar) out.set(values.subarray(from, from + columns * samples), to);
      else for (let x = 0; x < columns; x++) out[to + x * samples] = values[from + x];
    }
  });
  return out;
}
