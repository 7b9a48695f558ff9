/** One slice of a volume to look at while the rest of it is on its way. */
import { framePreview, grayScaleOf, planesOf, previewNifti, sliceImage, zipPreview } from "../image/index.ts";
import type { Api } from "./api.ts";
import type { Reader } from "./reader.ts";
import { type Sheet, sheetOf } from "./sheet.ts";
import { volumePresets } from "./volume-window.ts";
import type { WindowLevel } from "./window-level.ts";
import type { FileToRead } from "./worker-messages.ts";

/** Single files of which a first picture is looked for. */
const NIFTI_NAME = /\.nii(\.gz)?$/i;
const ARCHIVE_NAME = /\.zip$/i;

export interface FirstPicture {
  readonly sheet: Sheet;
  readonly window: WindowLevel;
}

/**
 * @param image  its id and name, and its files in the order of their bytes
 * @returns      null where there is nothing that is soon to be had
 */
export async function firstPictureOf(
  api: Api,
  reader: Reader,
  image: { readonly id: string; readonly name: string; readonly files: FileToRead["files"] },
): Promise<FirstPicture | null> {
  // What is wrong with the files is told by who reads them as a whole.
  const first = await firstSlice(api, reader, image).catch(() => null);
  if (!first) return null;
  const { volume, scale } = first;
  const plane = Object.values(planesOf(volume)).find(({ axis }) => axis === 2)!;
  const slice = sliceImage(volume, scale, plane, 0);
  const empty = { width: slice.width, height: slice.height, data: new Uint8Array(slice.data.length) };
  return { sheet: sheetOf(slice, empty, { aspect: plane.aspect }), window: volumePresets(volume, scale).first };
}

/** Of a NIfTI volume the start, of a series the middle file or the first frame. */
async function firstSlice(
  api: Api,
  reader: Reader,
  { id, name, files }: { readonly id: string; readonly name: string; readonly files: FileToRead["files"] },
) {
  const partOf = (start: number, end: number) => api.part(id, start, end);
  if (files.length === 1 && NIFTI_NAME.test(files[0].name)) {
    const volume = await previewNifti(partOf, name);
    return volume && { volume, scale: grayScaleOf(volume) };
  }
  const middle = files.length >> 1;
  const { size, name: base } = files[middle];
  const start = files.slice(0, middle).reduce((sum, file) => sum + file.size, 0);
  const cutOut = ARCHIVE_NAME.test(base) ? zipPreview : framePreview;
  const bytes = await (files.length === 1 ? cutOut(partOf, size, name) : partOf(start, start + size));
  if (!bytes) return null;
  const file = await reader.read({ name, files: [{ name: base, size: bytes.length }], part: 0, bytes });
  return file?.kind === "volume" ? file : null;
}
