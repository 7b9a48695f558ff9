/** Runs in Chromium: decodes DICOM as the page would, each codec among it. */
import { decodeDicom, type NamedFile } from "../../src/image/dicom.ts";

export default async function read(files: readonly NamedFile[]) {
  const decoded: Record<string, number[]> = {};
  for (const file of files) {
    const { series, refused } = await decodeDicom([file]);
    decoded[file.name] = Array.from(series[0]?.volume.data ?? [], Number);
    for (const { message } of refused) throw new Error(message);
  }
  return decoded;
}
