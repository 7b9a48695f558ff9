/**
 * The page's worker that reads files: bytes to an image or a volume. It may be stopped at any time and hold nothing that is missed: what a
 * file does to it happens to no one else.
 */
import { TendrilError } from "../core/index.ts";
import { decodeFiles, grayScaleOf, type MaskTarget, type NamedFile, readLabelMap, targetOf } from "../image/index.ts";
import { buildPyramid } from "./pyramid.ts";
import type { FileToRead, Reading } from "./worker-messages.ts";

self.onmessage = async ({ data: order }: MessageEvent<FileToRead>) => {
  const { name, target } = order;
  try {
    if (target) {
      await readMask(name, order.bytes, target);
      return;
    }
    const opened = await decodeFiles(partsOf(order), order.part);
    if (opened.kind === "image") {
      const levels = buildPyramid(opened.image);
      tell(
        { kind: "image", image: opened.image, levels, target: targetOf(baseOf(name), opened.image) },
        levels.map(({ data }) => data.buffer),
      );
    } else {
      const scale = grayScaleOf(opened.volume);
      // The page shows the volume; what a writer needs of its file stays with the server, which has the file.
      const volume = { ...opened.volume, origin: { kind: "other" } as const };
      tell({ kind: "volume", volume, scale, target: targetOf(baseOf(name), opened.volume) }, [volume.data.buffer]);
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

async function readMask(name: string, bytes: Uint8Array, target: MaskTarget): Promise<void> {
  const map = readLabelMap(bytes, name, target);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  tell({ kind: "mask", map, sha256 }, [map.data.buffer]);
}

/** A name in the list may have folders, to tell it from another. */
function baseOf(name: string): string {
  return name.split("/").at(-1)!;
}

function tell(message: Reading, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
