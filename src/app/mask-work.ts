/** An existing mask as the start of the work on the open image: read by a worker, a label chosen where it has several, and one change of the journal. */
import { createSignal } from "solid-js";
import type { LoadedMask } from "../image/index.ts";
import type { Action } from "../project/annotation.ts";
import { ActionError } from "../project/errors.ts";
import { importMask, importSentence, type OccurringLabel, occurringLabels } from "../project/import.ts";
import { type Message, sentenceOf } from "./message.ts";
import type { OpenImage } from "./open-image.ts";
import type { Reader } from "./reader.ts";

/** Bytes of a mask file; as of an image file. */
const FILE_LIMIT = 2 ** 30;
/** Characters of a change that one request takes, with room for what is around it. */
const CHANGE_LIMIT = 15 * 2 ** 20;

/** A mask of several labels, one of which is to be chosen. */
export interface MaskChoice {
  readonly name: string;
  readonly labels: readonly OccurringLabel[];
  /** Without a label none is taken. */
  choose(label: OccurringLabel | null): void;
}

/** What of the page's state this needs. */
export interface MaskPorts {
  readonly reader: Reader;
  openImage(): OpenImage | null;
  isReadOnly(): boolean;
  act(action: Action): void;
  closeOffer(): void;
  undo(): void;
  announce(text: string): void;
  setMessage(message: Message | null): void;
}

export function createMaskWork(ports: MaskPorts) {
  const { reader, openImage, isReadOnly, act, closeOffer, undo, announce, setMessage } = ports;
  const [choice, setChoice] = createSignal<MaskChoice | null>(null);

  async function openMask(file: File): Promise<void> {
    const opened = openImage();
    if (!opened) return say("warning", "Open the image that the mask belongs to first.");
    if (isReadOnly()) return say("warning", "Another window draws on this image. Open the mask there.");
    if (file.size > FILE_LIMIT) return say("warning", `${file.name} holds ${file.size} bytes; ${FILE_LIMIT} are read.`);
    setChoice(null);
    setMessage({ tone: "note", text: `Reading ${file.name} …` });
    try {
      const mask = await reader.readMask(file.name, new Uint8Array(await file.arrayBuffer()), opened.target);
      if (!mask || openImage() !== opened) return;
      offer(opened, file.name, mask.map, mask.sha256);
    } catch (error) {
      say("warning", sentenceOf(error));
    }
  }

  function offer(opened: OpenImage, name: string, map: LoadedMask, sha256: string): void {
    const labels = occurringLabels(map);
    setMessage(null);
    if (labels.length === 0) say("warning", `${name} is empty: every value in it is 0. Is it the right file?`);
    else if (labels.length === 1) lay(opened, name, map, sha256, labels[0]);
    else
      setChoice({
        name,
        labels,
        choose(label) {
          setChoice(null);
          if (label && openImage() === opened) lay(opened, name, map, sha256, label);
        },
      });
  }

  function lay(opened: OpenImage, name: string, map: LoadedMask, sha256: string, label: OccurringLabel): void {
    try {
      const imported = importMask(opened.history.annotation, map, { sha256, label: label.value });
      const text = [
        importSentence(`${label.value} (${label.name}) of ${name}`, imported, opened.volume ? "voxels" : "pixels"),
        ...(map.notes ?? []),
      ].join(" ");
      if (JSON.stringify(imported.change).length > CHANGE_LIMIT)
        throw new ActionError(`${name} is in too many pieces for the page. Use the command: tendril import.`);
      if (imported.gained > 0) {
        closeOffer();
        act({ ...imported.change, at: Date.now() });
      }
      setMessage({ tone: "note", text, ...(imported.gained > 0 && { button: { label: "Undo", run: undo } }) });
      announce(text);
    } catch (error) {
      say("warning", sentenceOf(error));
    }
  }

  function say(tone: Message["tone"], text: string): void {
    setMessage({ tone, text });
    announce(text);
  }

  return { openMask, maskChoice: choice };
}
