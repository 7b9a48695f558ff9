/** An existing mask as the start of the work on the open image: read by a worker, a label chosen where it has several, and one change of the journal. */
import { createSignal } from "solid-js";
import type { Label, LoadedMask } from "../image/index.ts";
import { toText } from "../project/action-text.ts";
import type { Action } from "../project/annotation.ts";
import { ActionError } from "../project/errors.ts";
import { annotationOf } from "../project/history.ts";
import { importMask, importSentence, matchLabels, type OccurringLabel, occurringLabels } from "../project/import.ts";
import { keyOf, type LabelChange } from "../project/labels.ts";
import { type Message, sentenceOf } from "./message.ts";
import type { OpenImage } from "./open-image.ts";
import type { Reader } from "./reader.ts";
import { CHANGE_LIMIT } from "./sync.ts";

/** Bytes of a mask file; as of an image file. */
const FILE_LIMIT = 2 ** 30;

/** A mask of several labels, one of which is to be chosen. */
export interface MaskChoice {
  readonly name: string;
  readonly labels: readonly OccurringLabel[];
  /** Without a label none is taken. */
  choose(label: OccurringLabel | "all" | null): void;
}

/** What of the page's state this needs. */
export interface MaskPorts {
  readonly reader: Reader;
  openImage(): OpenImage | null;
  isReadOnly(): boolean;
  act(action: Action): void;
  closeOffer(): void;
  undo(): void;
  /** What changes of the label that is worked on name. */
  label(): number;
  labels(): readonly Label[];
  /** Adds a label to the project. @returns all of them */
  changeLabel(opened: OpenImage, change: LabelChange): Promise<readonly Label[]>;
  announce(text: string): void;
  setMessage(message: Message | null): void;
}

export function createMaskWork(ports: MaskPorts) {
  const { reader, openImage, isReadOnly, act, closeOffer, undo, announce, setMessage } = ports;
  const { label: active, labels: listed, changeLabel } = ports;
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
          if (openImage() !== opened) return;
          if (label === "all") void layAll(opened, name, map, sha256, labels);
          else if (label) lay(opened, name, map, sha256, label);
        },
      });
  }

  /** Each label becomes the project's of its name, or of its value where the file gives none; those that the file alone names are added. */
  async function layAll(
    opened: OpenImage,
    name: string,
    map: LoadedMask,
    sha256: string,
    labels: readonly OccurringLabel[],
  ): Promise<void> {
    try {
      const unknown = matchLabels(labels, listed()).filter(({ label }) => !label);
      const nameless = unknown.filter(({ isNamed }) => !isNamed).map(({ mask }) => mask.value);
      if (nameless.length > 0)
        return say(
          "warning",
          `${name} gives no names to its labels, and the project has none of value ${nameless.join(", ")}. Add them first.`,
        );
      for (const { mask } of unknown) await changeLabel(opened, { name: mask.name, color: mask.color });
      if (openImage() !== opened) return;
      for (const { mask, label } of matchLabels(labels, listed()))
        lay(opened, name, map, sha256, mask, keyOf(listed(), label!.value));
      setMessage({ tone: "note", text: `Imported ${labels.length} labels of ${name}. Each is one change to undo.` });
    } catch (error) {
      say("warning", sentenceOf(error));
    }
  }

  /** @param to  what the change names */
  function lay(
    opened: OpenImage,
    name: string,
    map: LoadedMask,
    sha256: string,
    label: OccurringLabel,
    to = active(),
  ): void {
    try {
      const imported = importMask(annotationOf(opened.history, to), map, { sha256, label: label.value }, to);
      const text = [
        importSentence(`${label.value} (${label.name}) of ${name}`, imported, opened.volume ? "voxels" : "pixels"),
        ...(map.notes ?? []),
      ].join(" ");
      if (JSON.stringify(toText(imported.change)).length > CHANGE_LIMIT)
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
