/** The actions of the open image and the disk: this tab writes them, or looks on until the tab that does is gone. */
import { createSignal } from "solid-js";
import type { Label } from "../image/index.ts";
import type { Action } from "../project/annotation.ts";
import type { Api, Session } from "./api.ts";
import type { Message } from "./message.ts";
import type { OpenImage } from "./open-image.ts";
import { countSaved, type SaveStatus, Sync } from "./sync.ts";
import { keepUnsaved, type Unsaved } from "./unsaved.ts";

/** A page that may only look asks so often whether it may write, milliseconds. */
const LOOK_AGAIN = 2500;

/** What of the page's state this needs. */
export interface SavePorts {
  readonly api: Api;
  openImage(): OpenImage | null;
  /** Opens the image again, to write it. */
  reopen(id: string): void;
  /** The labels as the writing tab has them. */
  takeLabels(opened: OpenImage, listed: readonly Label[]): void;
  redraw(): void;
  setMessage(message: Message | null): void;
}

export function createSaveWork({ api, openImage, reopen, takeLabels, redraw, setMessage }: SavePorts) {
  const [status, setStatus] = createSignal<SaveStatus>({ kind: "saved" });
  let sync: Sync | null = null;
  let lookAgain: ReturnType<typeof setTimeout> | undefined;

  /** Writes the image, or looks on. @param kept  what the browser keeps for it that never came to the disk */
  function begin(opened: OpenImage, session: Session, kept: Unsaved | null): void {
    if (session.writer) write(opened, session, kept);
    else watch(opened);
  }

  function write(opened: OpenImage, { actions, cut, notes }: Session, kept: Unsaved | null): void {
    setStatus({ kind: "saved" });
    sync = new Sync(opened.performed, {
      append: (after, actions) => api.append(opened.id, after, actions),
      reopen: () => api.session(opened.id),
      keep: (after, actions) =>
        void keepUnsaved(opened.sha256, { after, actions: [...actions] }).catch(() => undefined),
      report(next) {
        setStatus(next);
        if (next.kind === "read-only") watch(opened);
      },
    });
    const isBegun = opened.performed > 0 || kept !== null;
    const words = [
      ...(isBegun ? [`Picked up where you left off: ${changes(opened.history.done.length)}.`] : []),
      // A reader of some of a series' files notices what was noticed on finding them.
      ...new Set([...notes, ...(opened.volume?.volume.notes ?? [])]),
    ];
    if (words.length > 0) setMessage({ tone: "note", text: words.join(" ") });
    if (cut > 0)
      setMessage({
        tone: "warning",
        text: `The last change had been written only in part and is left out (${cut} bytes); the ${changes(opened.history.done.length)} before it are here.`,
      });
    if (kept) recover(opened, sync, kept, countSaved(actions, kept.after, kept.actions));
  }

  /** Brings back what the server could not take before this browser or its tab ended. */
  function recover(opened: OpenImage, into: Sync, { actions }: Unsaved, saved: number | null): void {
    const forget = () => void keepUnsaved(opened.sha256, { after: 0, actions: [] }).catch(() => undefined);
    if (saved === null) {
      const text = `${changes(actions.length)} made without the server could not be added: the image was changed elsewhere since.`;
      setMessage({ tone: "warning", text });
      forget();
      return;
    }
    const missing = actions.slice(saved);
    for (const action of missing) {
      opened.perform(action);
      into.push(action);
    }
    redraw();
    // Until they are on disk they stay in the browser as well.
    into.settled().then(forget, () => undefined);
  }

  /** Shows what the writing tab does, and becomes the writer when that one is gone. */
  function watch(opened: OpenImage): void {
    setStatus({ kind: "read-only" });
    clearTimeout(lookAgain);
    lookAgain = setTimeout(async () => {
      const session = await api.session(opened.id).catch(() => null);
      if (openImage() !== opened) return;
      if (session?.writer) return reopen(opened.id);
      for (const action of session?.actions.slice(opened.performed) ?? []) opened.perform(action);
      if (session) takeLabels(opened, session.labels);
      redraw();
      watch(opened);
    }, LOOK_AGAIN);
  }

  /** Carries out an action here and sends it on its way to the disk. */
  function act(action: Action): void {
    const opened = openImage();
    if (!opened || !sync) return;
    opened.perform(action);
    sync.push(action);
    redraw();
  }

  return {
    begin,
    act,
    isWriting: () => sync !== null,
    /** The image is left: sends what is waiting. */
    async close(): Promise<void> {
      const before = sync;
      clearTimeout(lookAgain);
      sync = null;
      await before?.close();
    },
    /** @throws {ApiError} when what was done cannot be saved now */
    async settled(): Promise<void> {
      if (sync && sync.unsaved > 0) await sync.settled();
    },
    actions: {
      status,
      isReadOnly: () => status().kind === "read-only" || status().kind === "conflict",
      retry: () => sync?.retry(),
      unsaved: () => sync?.unsaved ?? 0,
    },
  };
}

function changes(count: number): string {
  return count === 1 ? "1 change" : `${count} changes`;
}
