/** Runs in Chromium: reads files as the page would. */
import { decodeJpeg } from "../../src/image/jpeg.ts";
import { decodeNrrd } from "../../src/image/nrrd.ts";
import { decodeTiff } from "../../src/image/tiff.ts";

export interface Files {
  readonly jpeg: Uint8Array;
  readonly tiff: Uint8Array;
  readonly nrrd: Uint8Array;
}

export default async function read({ jpeg, tiff, nrrd }: Files) {
  const cut = await decodeJpeg(jpeg.subarray(0, 300), "cut.jpg").catch((error: Error) => error.message);
  return {
    jpeg: Array.from((await decodeJpeg(jpeg, "a.jpg")).data),
    tiff: Array.from(decodeTiff(tiff, "a.tif").data),
    nrrd: Array.from(decodeNrrd(nrrd, "a.nrrd").volume.data),
    cut,
  };
}
