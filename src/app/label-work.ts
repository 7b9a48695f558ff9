/** The labels of the project on the page: which there are, which one is worked on, and adding, changing or removing one. */
import { batch, createSignal } from "solid-js";
import type { Label } from "../image/index.ts";
import { FIRST, labelOf } from "../project/annotation.ts";
import { ActionError } from "../project/errors.ts";
import { annotationOf } from "../project/history.ts";
import { freeColor, keyOf, type LabelChange, withLabel } from "../project/labels.ts";
import type { Api } from "./api.ts";
import { type Message, sentenceOf } from "./message.ts";
import type { OpenImage } from "./open-image.ts";

/** A label that is being named; without a value a new one. */
export interface LabelDraft extends LabelChange {
  /** What is wrong with it, after it was to be kept. */
  readonly problem?: string;
}

/** What of the page's state this needs. */
export interface LabelPorts {
  readonly api: Api;
  openImage(): OpenImage | null;
  isReadOnly(): boolean;
  /** Resolves when all that was done is on the disk. */
  settled(): Promise<void>;
  closeOffer(): void;
  announce(text: string): void;
  setMessage(message: Message | null): void;
  /** The labels are drawn anew. */
  redraw(): void;
}

export function createLabelWork({ api, openImage, isReadOnly, settled, closeOffer, ...ports }: LabelPorts) {
  const { announce, setMessage, redraw } = ports;
  const [labels, setLabels] = createSignal<readonly Label[]>([]);
  const [key, setKey] = createSignal(FIRST);
  const [draft, setDraft] = createSignal<LabelDraft | null>(null);
  let isBegun = false;

  const labelAt = (wanted: number) => labels().find(({ value }) => keyOf(labels(), value) === wanted);

  /** An image is opened: the label stays the one that was worked on, and at the beginning is that of the last change. */
  function show(opened: OpenImage, listed: readonly Label[]): void {
    const before = labelAt(key());
    const last = opened.history.done.at(-1);
    const same = listed.find(({ value, name }) => value === before?.value && name === before.name);
    const begun = last && !isBegun ? labelOf(last) : FIRST;
    isBegun = true;
    batch(() => {
      setDraft(null);
      setLabels(listed);
      setKey(FIRST);
      chooseKey(opened, before && same ? keyOf(listed, same.value) : begun);
    });
  }

  function chooseKey(opened: OpenImage, next: number): boolean {
    if (next === key()) return true;
    try {
      annotationOf(opened.history, next);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      setMessage({ tone: "warning", text: error.message });
      return false;
    }
    closeOffer();
    setKey(next);
    return true;
  }

  /** Works on another label from now on. @param value  of one in the list */
  function chooseLabel(value: number): void {
    const opened = openImage();
    if (!opened || !chooseKey(opened, keyOf(labels(), value))) return;
    announce(`Label ${labelAt(key())!.name}.`);
  }

  function stepLabel(by: 1 | -1): void {
    const listed = labels();
    if (listed.length < 2) {
      setMessage({ tone: "note", text: "There is one label. Add another one beside it." });
      return;
    }
    const place = listed.findIndex(({ value }) => keyOf(listed, value) === key());
    chooseLabel(listed[(place + by + listed.length) % listed.length].value);
  }

  /** Takes over the list as the disk has it. */
  function take(opened: OpenImage, listed: readonly Label[]): void {
    if (JSON.stringify(listed) === JSON.stringify(labels())) return;
    closeOffer();
    opened.recolor(listed);
    setLabels(listed);
    redraw();
  }

  /** @returns the list with it */
  async function changeLabel(opened: OpenImage, change: LabelChange): Promise<readonly Label[]> {
    const listed = await api.changeLabel(opened.id, change);
    if (openImage() === opened) batch(() => take(opened, listed));
    return listed;
  }

  /** Keeps the label that is being named, and works on it when it is new. */
  async function keepDraft(change: LabelChange): Promise<void> {
    const opened = openImage();
    if (!opened) return;
    try {
      // What cannot be is said at once, by the server's own rules.
      withLabel(labels(), change);
      const listed = await changeLabel(opened, change);
      if (openImage() !== opened) return;
      setDraft(null);
      if (change.value === undefined) chooseLabel(listed.at(-1)!.value);
    } catch (error) {
      setDraft({ ...change, problem: sentenceOf(error) });
    }
  }

  /** Asks whether the label that is being named is to go. */
  function removeDraft(): void {
    const opened = openImage();
    const label = labels().find(({ value }) => value === draft()?.value);
    setDraft(null);
    if (!opened || !label) return;
    setMessage({
      ...{ tone: "note", text: `Remove the label ${label.name} from the project?` },
      button: { label: "Remove it", run: () => void remove(opened, label) },
    });
  }

  async function remove(opened: OpenImage, { value, name }: Label): Promise<void> {
    if (openImage() !== opened) return;
    try {
      // What was just drawn may be of this label.
      await settled();
      const listed = await api.removeLabel(opened.id, value);
      if (openImage() !== opened) return;
      batch(() => {
        if (key() === value) chooseKey(opened, FIRST);
        take(opened, listed);
      });
      setMessage({ tone: "note", text: `Removed the label ${name}.` });
      announce(`Removed the label ${name}.`);
    } catch (error) {
      setMessage({ tone: "warning", text: sentenceOf(error) });
      announce(sentenceOf(error));
    }
  }

  return {
    show,
    take,
    changeLabel,
    /** Shows what an undo changes. */
    goTo: chooseKey,
    /** What changes of the label that is worked on name. */
    label: key,
    actions: {
      labels,
      /** The one that is worked on; null before an image is open. */
      activeLabel: () => labelAt(key()) ?? null,
      chooseLabel,
      stepLabel,
      draft,
      keepDraft,
      closeDraft: () => setDraft(null),
      /** Whether the label that is being named can be taken out of the list, unless an image uses it: all but the first. */
      isDraftRemovable: () => keyOf(labels(), draft()?.value ?? labels()[0].value) !== FIRST,
      removeDraft,
      beginLabel() {
        if (!isReadOnly()) setDraft({ name: "", color: freeColor(labels()) });
      },
      /** Another name or color for the one that is worked on. */
      editLabel() {
        const label = labelAt(key());
        if (label && !isReadOnly()) setDraft({ value: label.value, name: label.name, color: label.color });
      },
    },
  };
}
