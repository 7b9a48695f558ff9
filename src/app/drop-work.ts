/** What is dropped on the page: images, unless the one file that is dropped is, or may be, a mask of the open image. */
import { createSignal } from "solid-js";
import { looksLikeDicomSeg, START_BYTES } from "../image/index.ts";
import type { DroppedFile } from "./dropped-files.ts";
import type { Message } from "./message.ts";
import type { OpenImage } from "./open-image.ts";
import type { Reader } from "./reader.ts";

/** What masks are called: by Tendril, Slicer and BIDS. COCO's JSON is never an image. */
const MASK_NAME = /(_d?seg\.[\w.]+|\.seg\.nrrd|\.json)$/i;
/** Values of a label map; whole-body ones have some 120. A file of the image's grid with more of them is another image. */
const MOST_LABELS = 128;
/** Bytes of a file that is looked into; as of a mask. */
const FILE_LIMIT = 2 ** 30;

/** A file that may be either. */
export interface DropChoice {
  readonly name: string;
  /** The open image's name. */
  readonly image: string;
  readonly labels: number;
  /** With null nothing is opened. */
  choose(kind: "mask" | "image" | null): void;
}

/** What of the page's state this needs. */
export interface DropPorts {
  readonly reader: Reader;
  openImage(): OpenImage | null;
  isReadOnly(): boolean;
  openMask(file: File): Promise<void>;
  addFiles(dropped: readonly DroppedFile[]): Promise<void>;
  setMessage(message: Message | null): void;
}

export function createDropWork({ reader, openImage, isReadOnly, openMask, addFiles, setMessage }: DropPorts) {
  const [choice, setChoice] = createSignal<DropChoice | null>(null);

  async function drop(dropped: readonly DroppedFile[]): Promise<void> {
    setChoice(null);
    const opened = openImage();
    const [first, ...others] = dropped;
    if (!opened || !first || first.folder !== "" || others.length > 0) return addFiles(dropped);
    const { file } = first;
    if (MASK_NAME.test(file.name) || (await isSegmentation(file))) return openMask(file);
    const labels = isReadOnly() ? null : await labelsOn(opened, file);
    if (labels === null || openImage() !== opened) return addFiles(dropped);
    setMessage(null);
    setChoice({
      ...{ name: file.name, image: opened.name, labels },
      choose(kind) {
        setChoice(null);
        if (kind === "image") void addFiles(dropped);
        else if (kind === "mask" && openImage() === opened) void openMask(file);
      },
    });
  }

  /** How many labels the file has on the image; null where it cannot be its mask. */
  async function labelsOn({ target }: OpenImage, file: File): Promise<number | null> {
    if (file.size > FILE_LIMIT) return null;
    setMessage({ tone: "note", text: `Reading ${file.name} …` });
    try {
      const mask = await reader.readMask(file.name, new Uint8Array(await file.arrayBuffer()), target);
      return mask && mask.map.labels.length <= MOST_LABELS ? mask.map.labels.length : null;
    } catch {
      // Whoever opens it as an image says what is wrong with it.
      return null;
    }
  }

  return { drop, dropChoice: choice };
}

async function isSegmentation(file: File): Promise<boolean> {
  return looksLikeDicomSeg(new Uint8Array(await file.slice(0, START_BYTES).arrayBuffer()));
}
