/** The images of the page: which there are, opening one, going to the next, and adding more. */
import { batch, createSignal } from "solid-js";
import type { Grid } from "../core/index.ts";
import type { Label } from "../image/index.ts";
import type { Api, ImageList, Session } from "./api.ts";
import { type DroppedFile, uploadsOf } from "./dropped-files.ts";
import { type FirstPicture, firstPictureOf } from "./first-picture.ts";
import { type Message, refusedWords, sentenceOf } from "./message.ts";
import { type Look, OpenImage } from "./open-image.ts";
import type { Reader } from "./reader.ts";
import type { Settings } from "./settings.ts";
import type { Sheet } from "./sheet.ts";
import { findUnsaved, type Unsaved } from "./unsaved.ts";
import { fitView } from "./view.ts";

export type PageState =
  | { readonly kind: "starting" }
  | { readonly kind: "empty" }
  /** With a first picture of a volume, once there is one. */
  | { readonly kind: "opening"; readonly name: string; readonly preview: Sheet | null }
  | { readonly kind: "open"; readonly open: OpenImage }
  /** The image (or the page) could not be opened. */
  | { readonly kind: "refused"; readonly why: string };

/** What of the page's state this needs. */
export interface OpenPorts {
  readonly api: Api;
  readonly reader: Reader;
  readonly settings: Settings;
  page(): PageState;
  setPage(state: PageState): void;
  setLook(look: Look): void;
  /** What changes of the label that is worked on name. */
  label(): number;
  /** The list of images is there, or another one. */
  listed(): void;
  /** Lets go of what was going on for the image that was open. */
  leave(): void;
  /** Sends what is waiting of it. */
  closeSaving(): Promise<void>;
  /** Before it is shown. */
  arrive(opened: OpenImage, listed: readonly Label[]): void;
  /** Once it is shown. @param kept  what the browser keeps for it that never came to the disk */
  beginWork(opened: OpenImage, session: Session, kept: Unsaved | null): void;
  redraw(): void;
  announce(text: string): void;
  message(): Message | null;
  setMessage(message: Message | null): void;
}

export function createOpenWork({ api, reader, settings, page, setPage, setLook, label, ...ports }: OpenPorts) {
  const { listed, leave, closeSaving, arrive, beginWork, redraw, announce, message, setMessage } = ports;
  const [list, setList] = createSignal<ImageList>({ project: "", folder: "", images: [], refused: [] });
  const [current, setCurrent] = createSignal<string | null>(null);
  let opening = 0;

  async function start(): Promise<void> {
    try {
      await refreshList();
      const [first] = list().images;
      if (first) await open(first.id);
      else setPage({ kind: "empty" });
      tellRefused();
    } catch (error) {
      setPage({ kind: "refused", why: sentenceOf(error) });
    }
  }

  async function refreshList(): Promise<void> {
    setList(await api.images());
    listed();
  }

  /** Before what was noticed about the image that is open. */
  function tellRefused(): void {
    const { refused, images } = list();
    if (refused.length === 0) return;
    const words = refusedWords(
      refused.map(({ message }) => message),
      images.length,
    );
    setMessage({ tone: "warning", text: [words, message()?.text ?? ""].join(" ").trim() });
  }

  async function open(id: string): Promise<void> {
    const mine = ++opening;
    const name = list().images.find((image) => image.id === id)?.name ?? id;
    batch(() => {
      leave();
      setMessage(null);
      setCurrent(id);
      setPage({ kind: "opening", name, preview: null });
    });
    try {
      await closeSaving();
      const { files, part, parts } = await api.files(id);
      // Before the rest is asked for, which would hold it up. Of several images in one file it may be another one's.
      const first = parts === 1 || files.length > 1 ? await firstPictureOf(api, reader, { id, name, files }) : null;
      if (mine !== opening) return;
      if (first && page().kind === "opening") preview(name, first);
      const [session, file] = await Promise.all([
        api.session(id),
        api.file(id).then((bytes) => (mine === opening ? reader.read({ name, files, part, bytes }) : null)),
      ]);
      if (mine !== opening || !file) return;
      const opened = new OpenImage({ id, name, sha256: session.image.sha256, labels: session.labels, file });
      const kept = session.writer ? await findUnsaved(opened.sha256).catch(() => null) : null;
      if (mine !== opening) return;
      for (const action of session.actions) opened.perform(action);
      show(opened, session.labels);
      beginWork(opened, session, kept);
    } catch (error) {
      if (mine !== opening) return;
      setMessage(null);
      setPage({ kind: "refused", why: sentenceOf(error) });
    }
  }

  function preview(name: string, { sheet, window }: FirstPicture): void {
    batch(() => {
      setPage({ kind: "opening", name, preview: sheet });
      settings.setView(fitView(sheet, settings.screen()));
      settings.setWindow(window);
      setMessage({ tone: "note", text: `Reading ${name} …` });
    });
  }

  function show(opened: OpenImage, listed: readonly Label[]): void {
    const look = firstLook(opened);
    arrive(opened, listed);
    const sheet = opened.sheetAt(look, label());
    batch(() => {
      setLook(look);
      settings.setWidthsFor(sheet);
      settings.setView(fitView(sheet, settings.screen()));
      settings.setWindow(opened.firstPreset);
      setMessage(null);
      setPage({ kind: "open", open: opened });
      redraw();
    });
    announce(`${opened.name}, ${sizeWords(opened, sheet)}.`);
  }

  /** Opens the image `by` places further in the list. */
  function step(by: number): void {
    const { images } = list();
    const next = images[images.findIndex(({ id }) => id === current()) + by];
    if (next) void open(next.id);
    else setMessage({ tone: "note", text: by > 0 ? "This is the last image." : "This is the first image." });
  }

  /** Adds dropped or chosen files to the project, the DICOM files of a folder as one, and opens the first that can be. */
  async function addFiles(dropped: readonly DroppedFile[]): Promise<void> {
    setMessage({ tone: "note", text: "Adding the files …" });
    const added: string[] = [];
    const refused: string[] = [];
    for await (const file of uploadsOf(dropped)) {
      try {
        added.push(await api.upload(file));
      } catch (error) {
        refused.push(sentenceOf(error));
      }
    }
    if (added.length > 0) {
      await refreshList();
      await open(added[0]);
    }
    if (refused.length > 0) {
      setMessage({ tone: "warning", text: refusedWords(refused, added.length) });
      announce(refused[0]);
    }
  }

  return { list, current, start, open, step, addFiles };
}

/** Where a volume is first looked at: where it was worked on last, else in its middle. */
function firstLook({ volume, history }: OpenImage): Look {
  if (!volume) return { at: [0, 0, 0], plane: "axial" };
  const at: [number, number, number] = [...volume.middle];
  const last = history.done.findLast((change) => change.kind !== "fill" && change.slice);
  if (!last || last.kind === "fill" || !last.slice) return { at, plane: volume.firstPlane };
  at[last.slice.axis] = last.slice.index;
  return { at, plane: volume.planeAcross(last.slice.axis).name };
}

function sizeWords({ volume }: OpenImage, { width, height }: Grid): string {
  return volume ? `${volume.volume.size.join(" by ")} voxels` : `${width} by ${height} pixels`;
}
