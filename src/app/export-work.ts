/** Exporting the mask of the open image, and a copy of it to the browser's downloads. */
import { type Api, ApiError } from "./api.ts";
import { type Message, sentenceOf } from "./message.ts";
import type { OpenImage } from "./open-image.ts";
import { saveFile } from "./save-file.ts";

/** What of the page's state this needs. */
export interface ExportPorts {
  readonly api: Api;
  openImage(): OpenImage | null;
  /** Resolves when all that was done is on the disk. */
  settled(): Promise<void>;
  announce(text: string): void;
  setMessage(message: Message | null): void;
}

export function createExportWork({ api, openImage, settled, announce, setMessage }: ExportPorts) {
  /** @param isReplacing  over another program's file */
  async function exportMask(isReplacing = false): Promise<void> {
    const opened = openImage();
    if (!opened) return;
    try {
      await settled();
      const { path, inside } = await api.export(opened.id, isReplacing);
      const text = `Exported ${path}: ${inside.toLocaleString("en")} ${opened.volume ? "voxel" : "pixel"}${inside === 1 ? "" : "s"} inside.`;
      const name = path.split("/").at(-1)!;
      setMessage({ tone: "note", text, button: { label: "Download a copy", run: () => void download(opened, name) } });
      announce(text);
    } catch (error) {
      const isTaken = error instanceof ApiError && error.code === "not-ours";
      const replace = () => {
        if (openImage() === opened) void exportMask(true);
      };
      setMessage({
        tone: "warning",
        text: `Not exported. ${sentenceOf(error)}`,
        ...(isTaken && { button: { label: "Replace it", run: replace } }),
      });
    }
  }

  async function download(opened: OpenImage, name: string): Promise<void> {
    try {
      saveFile(await api.mask(opened.id), name);
    } catch (error) {
      setMessage({ tone: "warning", text: `Not downloaded. ${sentenceOf(error)}` });
    }
  }

  return { exportMask };
}
