/**
 * What the page knows and can do: the images, the open one, what is offered for it, and every action of the annotator. The
 * components show it and call it; nothing else changes the annotation.
 */
import { batch, createSignal } from "solid-js";
import type { Stroke } from "../core/index.ts";
import { grayScaleOf, planesOf, previewNifti, sliceImage } from "../image/index.ts";
import { type Action, type Change, labelOf, type Mark, named, strokeDelta } from "../project/annotation.ts";
import { type Api, ApiError, type ImageList, type Session } from "./api.ts";
import type { Asker } from "./asker.ts";
import { createDropWork } from "./drop-work.ts";
import { type DroppedFile, uploadsOf } from "./dropped-files.ts";
import { createLabelWork } from "./label-work.ts";
import type { Learner } from "./learner.ts";
import { createMaskWork } from "./mask-work.ts";
import { type Message, refusedWords, sentenceOf } from "./message.ts";
import { createOffers } from "./offers.ts";
import { type Look, OpenImage } from "./open-image.ts";
import type { Reader } from "./reader.ts";
import { saveFile } from "./save-file.ts";
import { createSettings } from "./settings.ts";
import { placeOn, type Sheet, sheetOf } from "./sheet.ts";
import { createSliceWork, type Slicing } from "./slice-work.ts";
import { countSaved, type SaveStatus, Sync } from "./sync.ts";
import { findUnsaved, keepUnsaved, type Unsaved } from "./unsaved.ts";
import { fitView, type Point, panBy, zoomAt } from "./view.ts";
import { volumePresets } from "./volume-window.ts";
import type { FileToRead, ModelFacts } from "./worker-messages.ts";

/** A slice is learned when the annotator has stayed on it for so long, milliseconds. */
const STAYED = 2000;
/** Single files of which a first picture is looked for. */
const NIFTI_NAME = /\.nii(\.gz)?$/i;
/** A page that may only look asks so often whether it may write, milliseconds. */
const LOOK_AGAIN = 2500;

/** How far learning the open image is. */
export type LearningState =
  /** Nothing to learn with: no image that can be drawn on, or a model that uses no features, or no encoder. */
  | { readonly kind: "none" }
  | { readonly kind: "off" }
  | { readonly kind: "learning" }
  | { readonly kind: "learned" }
  | { readonly kind: "failed"; readonly why: string };

export type PageState =
  | { readonly kind: "starting" }
  | { readonly kind: "empty" }
  /** With a first picture of a volume, once there is one. */
  | { readonly kind: "opening"; readonly name: string; readonly preview: Sheet | null }
  | { readonly kind: "open"; readonly open: OpenImage }
  /** The image (or the page) could not be opened. */
  | { readonly kind: "refused"; readonly why: string };

export function createStore(api: Api, reader: Reader, asker: Asker, learner: Learner) {
  const settings = createSettings();
  const [list, setList] = createSignal<ImageList>({ project: "", folder: "", images: [], refused: [] });
  const [page, setPage] = createSignal<PageState>({ kind: "starting" });
  const [current, setCurrent] = createSignal<string | null>(null);
  const [look, setLook] = createSignal<Look>({ at: [0, 0, 0], plane: "axial" });
  const [revision, setRevision] = createSignal(0);
  const [status, setStatus] = createSignal<SaveStatus>({ kind: "saved" });
  const [message, setMessage] = createSignal<Message | null>(null);
  const [announcement, announce] = createSignal("");
  const [model, setModel] = createSignal<ModelFacts | null>(null);
  const [learning, setLearning] = createSignal<LearningState>({ kind: "none" });
  let sync: Sync | null = null;
  let lookAgain: ReturnType<typeof setTimeout> | undefined;
  let opening = 0;

  const openImage = () => {
    const state = page();
    return state.kind === "open" ? state.open : null;
  };
  const firstPicture = () => {
    const state = page();
    return state.kind === "opening" ? state.preview : null;
  };
  /** What is shown of it: the image, or a slice, which may be the first picture of a volume on its way; null when there is none. */
  const sheet = () => openImage()?.sheetAt(look(), label()) ?? firstPicture();
  /** The open volume and the plane that is worked on; null for an image. */
  const slicing = (): Slicing | null => {
    const opened = openImage();
    if (!opened?.volume) return null;
    const plane = opened.volume.planes[look().plane];
    const work = opened.volume.of(label());
    return { opened, volume: opened.volume, plane, slice: opened.volume.sliceAt(plane, look().at), work };
  };
  const isReadOnly = () => status().kind === "read-only" || status().kind === "conflict";

  /** Whether the model takes the step that the dial is set to; until it is known it is not said to. */
  const takesStep = () => model()?.kind === "general";

  const labels = createLabelWork({
    ...{ api, openImage, isReadOnly, announce, setMessage },
    closeOffer: () => closeOffer(),
    redraw: () => setRevision((n) => n + 1),
  });
  const { label } = labels;

  const offers = createOffers({
    ...{ asker, settings, openImage, sheet, slicing, label, isReadOnly, takesStep },
    ...{ act, know, announce, insideOn },
  });
  const { ask, closeOffer, offer } = offers.actions;

  async function start(): Promise<void> {
    // Whoever asks for candidates is told of a model that cannot be loaded.
    asker.load().then(know, () => undefined);
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
    closeOffer();
    learner.stop();
    clearTimeout(lookAgain);
    batch(() => {
      setLearning({ kind: "none" });
      setMessage(null);
      setCurrent(id);
      setPage({ kind: "opening", name, preview: null });
    });
    try {
      const before = sync;
      sync = null;
      await before?.close();
      const { files, part } = await api.files(id);
      // Before the rest is asked for, which would hold it up.
      await preview(id, name, files, mine);
      if (mine !== opening) return;
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
      if (session.writer) beginWriting(opened, session, kept);
      else watch(opened);
    } catch (error) {
      if (mine !== opening) return;
      setMessage(null);
      setPage({ kind: "refused", why: sentenceOf(error) });
    }
  }

  /** Shows one slice while the rest of the volume is on its way. */
  async function preview(id: string, name: string, files: FileToRead["files"], mine: number): Promise<void> {
    // What is wrong with the files is told by who reads them as a whole.
    const first = await firstSlice(id, name, files).catch(() => null);
    if (!first || mine !== opening || page().kind !== "opening") return;
    const { volume, scale } = first;
    const plane = Object.values(planesOf(volume)).find(({ axis }) => axis === 2)!;
    const image = sliceImage(volume, scale, plane, 0);
    const empty = { width: image.width, height: image.height, data: new Uint8Array(image.data.length) };
    const shown = sheetOf(image, empty, { aspect: plane.aspect });
    batch(() => {
      setPage({ kind: "opening", name, preview: shown });
      settings.setView(fitView(shown, settings.screen()));
      settings.setWindow(volumePresets(volume, scale).first);
      setMessage({ tone: "note", text: `Reading ${name} …` });
    });
  }

  /** Of a NIfTI volume, or the middle file of a series; null where there is nothing that is soon to be had. */
  async function firstSlice(id: string, name: string, files: FileToRead["files"]) {
    if (files.length === 1) {
      if (!NIFTI_NAME.test(files[0].name)) return null;
      const volume = await previewNifti((start, end) => api.part(id, start, end), name);
      return volume && { volume, scale: grayScaleOf(volume) };
    }
    const middle = files.length >> 1;
    const start = files.slice(0, middle).reduce((sum, { size }) => sum + size, 0);
    const bytes = await api.part(id, start, start + files[middle].size);
    const file = await reader.read({ name, files: [files[middle]], part: 0, bytes });
    return file?.kind === "volume" ? file : null;
  }

  function show(opened: OpenImage, listed: Session["labels"]): void {
    offers.beginAnew();
    const begun = firstLook(opened);
    labels.show(opened, listed);
    const shown = opened.sheetAt(begun, label());
    batch(() => {
      setLook(begun);
      settings.setWidthsFor(shown);
      settings.setView(fitView(shown, settings.screen()));
      settings.setWindow(opened.firstPreset);
      setStatus({ kind: "saved" });
      setMessage(null);
      setPage({ kind: "open", open: opened });
      setRevision((n) => n + 1);
    });
    announce(`${opened.name}, ${sizeWords(opened, shown)}.`);
  }

  function beginWriting(opened: OpenImage, { actions, cut, notes }: Session, kept: Unsaved | null): void {
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
    void learn();
  }

  /** The model is known, at the start or, when that failed, with the first candidates. */
  function know(facts: ModelFacts): void {
    const isNew = model() === null;
    setModel(facts);
    if (isNew) void learn();
  }

  /** Learns the sheet that is worked on in the background; the proposals on it after that use what was learned. */
  async function learn(): Promise<void> {
    const opened = openImage();
    const shown = sheet();
    if (!opened || !shown || !sync || !model()?.canLearn) return;
    const { image, place } = shown;
    if (!settings.isLearning()) {
      learner.stop();
      asker.use(image, null);
      setLearning({ kind: "off" });
      return;
    }
    setLearning({ kind: "learning" });
    try {
      const name = place ? `${opened.sha256}/${place.axis}/${place.index}` : opened.sha256;
      const features = await learner.learn(name, image, place && STAYED);
      if (!features || sheet()?.image !== image) return;
      asker.use(image, features);
      setLearning({ kind: "learned" });
    } catch (error) {
      if (sheet()?.image === image) setLearning({ kind: "failed", why: sentenceOf(error) });
    }
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
    setRevision((n) => n + 1);
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
      if (session?.writer) return void open(opened.id);
      for (const action of session?.actions.slice(opened.performed) ?? []) opened.perform(action);
      if (session) labels.take(opened, session.labels);
      setRevision((n) => n + 1);
      watch(opened);
    }, LOOK_AGAIN);
  }

  /** Carries out an action here and sends it on its way to the disk. */
  function act(action: Action): void {
    const opened = openImage();
    if (!opened || !sync) return;
    opened.perform(action);
    sync.push(action);
    setRevision((n) => n + 1);
  }

  function stroke(kind: "scribble" | "brush" | "erase", mark: Mark, drawn: Stroke): void {
    const opened = openImage();
    const shown = sheet();
    if (!opened || !shown || isReadOnly()) return;
    const delta = opened.wholeDelta(strokeDelta(shown.annotation, drawn, mark));
    const change: Change = { kind, mark, stroke: drawn, ...placeOn(shown), ...named(label()), delta };
    closeOffer();
    setMessage(null);
    if (change.delta.length > 0 || kind === "scribble") act({ ...change, at: Date.now() });
    slices.moveCrosshair(drawn);
    if (kind === "scribble") void ask();
  }

  /** Pixels inside on what is worked on. */
  function insideOn(opened: OpenImage): number {
    const now = slicing();
    return now ? now.work.tally.areas[now.plane.axis][now.slice] : opened.insideOf(label());
  }

  function stepBack(kind: "undo" | "redo"): void {
    const opened = openImage();
    const stack = kind === "undo" ? opened?.history.done : opened?.history.undone;
    if (!opened || !stack || isReadOnly()) return;
    const change = stack[stack.length - 1];
    if (!change) {
      setMessage({ tone: "note", text: kind === "undo" ? "Nothing to undo." : "Nothing to redo." });
      return;
    }
    closeOffer();
    setMessage(null);
    // What comes and goes is seen, of whichever label and on whichever slice it is.
    if (!labels.goTo(opened, labelOf(change))) return;
    slices.goToChange(change);
    act({ kind, at: Date.now() });
    announce(`${kind === "undo" ? "Undid" : "Redid"} ${nameOf(change)}.`);
  }

  async function exportMask(isReplacing = false): Promise<void> {
    const opened = openImage();
    if (!opened) return;
    try {
      if (sync && sync.unsaved > 0) await sync.settled();
      const { path, inside } = await api.export(opened.id, isReplacing);
      const text = `Exported ${path}: ${inside.toLocaleString("en")} ${opened.volume ? "voxels" : "pixels"} inside.`;
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

  const slices = createSliceWork({
    asker,
    settings,
    sheet,
    slicing,
    label,
    labels: labels.actions.labels,
    look,
    setLook,
    isReadOnly,
    act,
    offer,
    closeOffer,
    seed: offers.seed,
    present: offers.present,
    know,
    announce,
    setMessage,
    insideOn,
    changed() {
      offers.beginAnew();
      learner.stop();
      void learn();
    },
  });

  const masks = createMaskWork({
    ...{ reader, openImage, isReadOnly, act, closeOffer, announce, setMessage, label },
    ...{ labels: labels.actions.labels, changeLabel: labels.changeLabel },
    undo: () => stepBack("undo"),
  });

  const drops = createDropWork({
    ...{ reader, openImage, isReadOnly, addFiles, setMessage },
    openMask: masks.openMask,
  });

  return {
    settings,
    list,
    page,
    current,
    openImage,
    firstPicture,
    sheet,
    look,
    slicing,
    ...slices.actions,
    ...labels.actions,
    label,
    insideOn,
    /** Counts changes of the annotation: what draws it depends on this. */
    revision,
    status,
    isReadOnly,
    /** The model that proposes; null until it is known. */
    model,
    takesStep,
    learning,
    turnLearning(isOn: boolean) {
      settings.setLearning(isOn);
      void learn();
    },
    ...offers.actions,
    message,
    setMessage,
    /** For the live region. */
    announcement,
    start,
    open,
    step,
    addFiles,
    ...masks,
    ...drops,
    stroke,
    undo: () => stepBack("undo"),
    redo: () => stepBack("redo"),
    exportMask,
    /** @param at  screen point that stays where it is */
    zoom(factor: number, at: Point) {
      const shown = sheet();
      if (shown) settings.setView((view) => zoomAt(view, factor, at, shown, settings.screen()));
    },
    pan(by: Point) {
      const shown = sheet();
      if (shown) settings.setView((view) => panBy(view, by, shown, settings.screen()));
    },
    retry: () => sync?.retry(),
    unsaved: () => sync?.unsaved ?? 0,
    /** A new start of the server has a new token; the address with it was opened in this tab. */
    useToken(token: string) {
      api.token = token;
      if (sync) sync.retry();
      else void start();
    },
  };
}

export type Store = ReturnType<typeof createStore>;

/** Where a volume is first looked at: where it was worked on last, else in its middle. */
function firstLook({ volume, history }: OpenImage): Look {
  if (!volume) return { at: [0, 0, 0], plane: "axial" };
  const at: [number, number, number] = [...volume.middle];
  const last = history.done.findLast((change) => change.kind !== "fill" && change.slice);
  if (!last || last.kind === "fill" || !last.slice) return { at, plane: volume.firstPlane };
  at[last.slice.axis] = last.slice.index;
  return { at, plane: volume.planeAcross(last.slice.axis).name };
}

function sizeWords({ volume }: OpenImage, { width, height }: { width: number; height: number }): string {
  return volume ? `${volume.volume.size.join(" by ")} voxels` : `${width} by ${height} pixels`;
}

function changes(count: number): string {
  return count === 1 ? "1 change" : `${count} changes`;
}

function nameOf(change: Change): string {
  const names = {
    scribble: "a scribble",
    brush: "a brush stroke",
    erase: "an eraser stroke",
    take: "a candidate",
    carry: "a mask of another slice",
    fill: "filling between slices",
    import: "the opened mask",
    done: "that a slice is done",
  };
  return names[change.kind];
}
