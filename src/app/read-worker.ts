/**
 * The page's worker that reads files: bytes to an image or a volume. It may be stopped at any time and hold nothing that is missed: what a
 * file does to it happens to no one else.
 */
import { TendrilError } from "../core/index.ts";
import { decodeFiles, grayScaleOf, type NamedFile } from "../image/index.ts";
import { buildPyramid } from "./pyramid.ts";
import type { FileToRead, Reading } from "./worker-messages.ts";

self.onmessage = async ({ data: order }: MessageEvent<FileToRead>) => {
  try {
    const opened = await decodeFiles(partsOf(order), order.part);
    if (opened.kind === "image") {
      const levels = buildPyramid(opened.image);
      tell(
        { kind: "image", image: opened.image, levels },
        levels.map(({ data }) => data.buffer),
      );
    } else {
      const scale = grayScaleOf(opened.volume);
      // The page shows the volume; what a writer needs of its file stays with the server, which has the file.
      const volume = { ...opened.volume, origin: { kind: "other" } as const };
      tell({ kind: "volume", volume, scale }, [volume.data.buffer]);
    }
  } catch (error) {
    const known = error instanceof TendrilError;
    const message = error instanceof Error ? error.message : String(error);
    tell({
      kind: "failed",
      code: known ? error.code : "defect",
      message: known ? message : `${order.name}: ${message}`,
    });
  }
};

/** The files' own bytes. */
function partsOf({ files, bytes }: FileToRead): NamedFile[] {
  let start = 0;
  return files.map(({ name, size }) => {
    start += size;
    return { name, bytes: bytes.subarray(start - size, start) };
  });
}

function tell(message: Reading, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
