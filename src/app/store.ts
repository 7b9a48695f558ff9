/**
 * What the page knows and can do: the images, the open one, what is offered for it, and every action of the annotator. The
 * components show it and call it; nothing else changes the annotation.
 */
import { batch, createSignal } from "solid-js";
import type { Stroke } from "../core/index.ts";
import { type Action, type Change, type Mark, strokeDelta, takeDelta } from "../project/annotation.ts";
import type { Api, ImageList, Session } from "./api.ts";
import type { Asker, Offer } from "./asker.ts";
import type { Learner } from "./learner.ts";
import { changeWords } from "./offer-raster.ts";
import { OpenImage } from "./open-image.ts";
import { createSettings } from "./settings.ts";
import { STEPS } from "./steps.ts";
import { countSaved, type SaveStatus, Sync } from "./sync.ts";
import { findUnsaved, keepUnsaved, type Unsaved } from "./unsaved.ts";
import { fitView, type Point, panBy, zoomAt } from "./view.ts";
import type { ModelFacts } from "./worker-messages.ts";

/** Candidates offered at a time. */
const OFFERED = 4;
/** A proposal that takes longer than this shows a progress line, milliseconds. */
const SLOW = 1000;
/** A page that may only look asks so often whether it may write, milliseconds. */
const LOOK_AGAIN = 2500;

/** A sentence for the annotator, with at most one thing to do about it. */
export interface Message {
  readonly tone: "note" | "warning";
  readonly text: string;
  readonly button?: { readonly label: string; run(): void };
}

/** Where the offer stands. */
export type OfferState =
  | { readonly kind: "none" }
  | { readonly kind: "asking"; readonly slow: boolean }
  | { readonly kind: "offered"; readonly offer: Offer }
  | { readonly kind: "nothing-larger" }
  | { readonly kind: "failed"; readonly why: string };

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
  | { readonly kind: "opening"; readonly name: string }
  | { readonly kind: "open"; readonly open: OpenImage }
  /** The image (or the page) could not be opened. */
  | { readonly kind: "refused"; readonly why: string };

export function createStore(api: Api, asker: Asker, learner: Learner) {
  const settings = createSettings();
  const [list, setList] = createSignal<ImageList>({ project: "", folder: "", images: [], refused: [] });
  const [page, setPage] = createSignal<PageState>({ kind: "starting" });
  const [current, setCurrent] = createSignal<string | null>(null);
  const [revision, setRevision] = createSignal(0);
  const [status, setStatus] = createSignal<SaveStatus>({ kind: "saved" });
  const [offerState, setOfferState] = createSignal<OfferState>({ kind: "none" });
  const [previewed, setPreviewed] = createSignal<number | null>(null);
  const [message, setMessage] = createSignal<Message | null>(null);
  const [announcement, announce] = createSignal("");
  const [model, setModel] = createSignal<ModelFacts | null>(null);
  const [learning, setLearning] = createSignal<LearningState>({ kind: "none" });
  let sync: Sync | null = null;
  let lookAgain: ReturnType<typeof setTimeout> | undefined;
  let opening = 0;
  let round = 0;

  const openImage = () => {
    const state = page();
    return state.kind === "open" ? state.open : null;
  };
  const offer = () => {
    const state = offerState();
    return state.kind === "offered" ? state.offer : null;
  };
  const isReadOnly = () => status().kind === "read-only" || status().kind === "conflict";

  /** Whether the model takes the step that the dial is set to; until it is known it is not said to. */
  const takesStep = () => model()?.kind === "general";

  async function start(): Promise<void> {
    // Whoever asks for candidates is told of a model that cannot be loaded.
    asker.load().then(know, () => undefined);
    try {
      await refreshList();
      const [first] = list().images;
      if (first) await open(first.id);
      else setPage({ kind: "empty" });
    } catch (error) {
      setPage({ kind: "refused", why: sentenceOf(error) });
    }
  }

  async function refreshList(): Promise<void> {
    setList(await api.images());
    const [refused] = list().refused;
    if (refused) setMessage({ tone: "warning", text: refused.message });
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
      setPage({ kind: "opening", name });
    });
    try {
      const before = sync;
      sync = null;
      await before?.close();
      const [session, bytes] = await Promise.all([api.session(id), api.file(id)]);
      if (mine !== opening) return;
      const decoded = await asker.open(name, bytes);
      if (mine !== opening) return;
      const opened = new OpenImage({ id, name, sha256: session.image.sha256, ...decoded });
      const kept = session.writer ? await findUnsaved(opened.sha256).catch(() => null) : null;
      if (mine !== opening) return;
      for (const action of session.actions) opened.perform(action);
      show(opened);
      if (session.writer) beginWriting(opened, session, kept);
      else look(opened);
    } catch (error) {
      if (mine === opening) setPage({ kind: "refused", why: sentenceOf(error) });
    }
  }

  function show(opened: OpenImage): void {
    round = 0;
    const { maximum } = opened.image;
    batch(() => {
      settings.setWidthsFor(opened.image);
      settings.setView(fitView(opened.image, settings.screen()));
      // 16 bits are rarely used in full: 12-bit data in the full range would be almost black.
      settings.setWindow(opened.presets[maximum === 255 ? 0 : 1]);
      setStatus({ kind: "saved" });
      setPage({ kind: "open", open: opened });
      setRevision((n) => n + 1);
    });
    announce(`${opened.name}, ${opened.image.width} by ${opened.image.height} pixels.`);
  }

  function beginWriting(opened: OpenImage, { actions, cut }: Session, kept: Unsaved | null): void {
    sync = new Sync(opened.performed, {
      append: (after, actions) => api.append(opened.id, after, actions),
      reopen: () => api.session(opened.id),
      keep: (after, actions) =>
        void keepUnsaved(opened.sha256, { after, actions: [...actions] }).catch(() => undefined),
      report(next) {
        setStatus(next);
        if (next.kind === "read-only") look(opened);
      },
    });
    if (opened.performed > 0 || kept)
      setMessage({ tone: "note", text: `Picked up where you left off: ${changes(opened.history.done.length)}.` });
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

  /** Learns the open image in the background; the proposals after that use what was learned. */
  async function learn(): Promise<void> {
    const opened = openImage();
    if (!opened || !sync || !model()?.canLearn) return;
    if (!settings.isLearning()) {
      learner.stop();
      asker.use(null);
      setLearning({ kind: "off" });
      return;
    }
    setLearning({ kind: "learning" });
    try {
      const features = await learner.learn(opened.sha256, opened.image);
      if (!features || openImage() !== opened) return;
      asker.use(features);
      setLearning({ kind: "learned" });
    } catch (error) {
      if (openImage() === opened) setLearning({ kind: "failed", why: sentenceOf(error) });
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
  function look(opened: OpenImage): void {
    setStatus({ kind: "read-only" });
    clearTimeout(lookAgain);
    lookAgain = setTimeout(async () => {
      const session = await api.session(opened.id).catch(() => null);
      if (openImage() !== opened) return;
      if (session?.writer) return void open(opened.id);
      for (const action of session?.actions.slice(opened.performed) ?? []) opened.perform(action);
      setRevision((n) => n + 1);
      look(opened);
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
    if (!opened || isReadOnly()) return;
    const change: Change = { kind, mark, stroke: drawn, delta: strokeDelta(opened.history.annotation, drawn, mark) };
    closeOffer();
    setMessage(null);
    if (change.delta.length > 0 || kind === "scribble") act({ ...change, at: Date.now() });
    if (kind === "scribble") void ask();
  }

  async function ask(): Promise<void> {
    const opened = openImage();
    if (!opened || isReadOnly()) return;
    closeOffer();
    setOfferState({ kind: "asking", slow: false });
    const slow = setTimeout(() => {
      if (offerState().kind === "asking") setOfferState({ kind: "asking", slow: true });
    }, SLOW);
    // From the journal's length: reopening the image and asking again gives the same four.
    const seed = opened.performed * 1000 + round;
    const step = STEPS[settings.step()].share;
    try {
      const answer = await asker.ask({ annotation: opened.history.annotation.data, count: OFFERED, seed, step });
      if (!answer || openImage() !== opened) return;
      know(answer.model);
      if (answer.candidates.length === 0) nothingLarger();
      else present(answer, opened);
    } catch (error) {
      if (openImage() === opened) setOfferState({ kind: "failed", why: sentenceOf(error) });
    } finally {
      clearTimeout(slow);
    }
  }

  function present(answer: Offer, opened: OpenImage): void {
    setOfferState({ kind: "offered", offer: answer });
    const changes = answer.candidates.map(({ change }) => changeWords(change, opened.inside));
    const count = answer.candidates.length;
    announce(
      count === 1
        ? `One candidate, ${changes[0]}. Press 1 to take it.`
        : `${count} candidates: ${changes.join(", ")}. Press 1 to ${count} to take one.`,
    );
  }

  function nothingLarger(): void {
    setOfferState({ kind: "nothing-larger" });
    announce("No larger region found.");
  }

  function closeOffer(): void {
    asker.drop();
    batch(() => {
      setPreviewed(null);
      setOfferState({ kind: "none" });
    });
  }

  /** @param place  in the gallery, from 0 */
  function take(place: number): void {
    const opened = openImage();
    const from = offer();
    const candidate = from?.candidates[place];
    if (!opened || !from || !candidate || isReadOnly()) return;
    const delta = takeDelta(opened.history.annotation, candidate.partial, candidate.box);
    const taken = {
      model: from.model.name,
      seed: from.seed,
      place: place + 1,
      offered: from.candidates.length,
      support: candidate.support,
      // A model that takes steps of its own was not asked for one.
      ...(from.model.kind === "general" ? { step: from.step, features: from.features } : {}),
    };
    act({ kind: "take", candidate: taken, delta, at: Date.now() });
    announce(`Took ${place + 1}, ${opened.inside.toLocaleString("en")} pixels.`);
    round = 0;
    void ask();
  }

  /** Sets the step dial. @param place  among STEPS; beyond the ends is the end */
  function setStep(place: number): void {
    const before = settings.step();
    settings.setStep(place);
    if (settings.step() === before) return;
    announce(`Step: ${STEPS[settings.step()].name}.`);
    // Whoever looks at candidates, or found none, wants to see those of the new step.
    if (takesStep() && offerState().kind !== "none") void ask();
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
    act({ kind, at: Date.now() });
    announce(`${kind === "undo" ? "Undid" : "Redid"} ${nameOf(change)}.`);
  }

  async function exportMask(): Promise<void> {
    const opened = openImage();
    if (!opened) return;
    try {
      if (sync && sync.unsaved > 0) await sync.settled();
      const { path, inside } = await api.export(opened.id);
      const text = `Exported ${path}: ${inside.toLocaleString("en")} pixels inside.`;
      setMessage({ tone: "note", text, button: { label: "Download a copy", run: () => void download(opened) } });
      announce(text);
    } catch (error) {
      setMessage({ tone: "warning", text: `Not exported. ${sentenceOf(error)}` });
    }
  }

  async function download(opened: OpenImage): Promise<void> {
    try {
      const address = URL.createObjectURL(await api.mask(opened.id));
      const link = document.createElement("a");
      link.href = address;
      link.download = `${opened.name.replace(/\.[^.]+$/, "")}_seg.png`;
      link.click();
      URL.revokeObjectURL(address);
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

  /** Adds dropped or chosen files to the project and opens the first that can be. */
  async function addFiles(files: readonly File[]): Promise<void> {
    const added: string[] = [];
    const refused: string[] = [];
    for (const file of files) {
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
      const more = refused.length > 1 ? ` ${refused.length - 1} more files were refused.` : "";
      setMessage({ tone: "warning", text: `${refused[0]}${more}` });
      announce(refused[0]);
    }
  }

  return {
    settings,
    list,
    page,
    current,
    openImage,
    /** Counts changes of the annotation: what draws it depends on this. */
    revision,
    status,
    isReadOnly,
    /** The model that proposes; null until it is known. */
    model,
    takesStep,
    setStep,
    learning,
    turnLearning(isOn: boolean) {
      settings.setLearning(isOn);
      void learn();
    },
    offerState,
    offer,
    /** Place of the candidate shown on the image, from 0. */
    previewed,
    preview: (place: number | null) => setPreviewed(place !== null && offer()?.candidates[place] ? place : null),
    message,
    setMessage,
    /** For the live region. */
    announcement,
    start,
    open,
    step,
    addFiles,
    stroke,
    ask,
    askAnew() {
      round++;
      void ask();
    },
    closeOffer,
    take,
    undo: () => stepBack("undo"),
    redo: () => stepBack("redo"),
    exportMask,
    /** @param at  screen point that stays where it is */
    zoom(factor: number, at: Point) {
      const opened = openImage();
      if (opened) settings.setView((view) => zoomAt(view, factor, at, opened.image, settings.screen()));
    },
    pan(by: Point) {
      const opened = openImage();
      if (opened) settings.setView((view) => panBy(view, by, opened.image, settings.screen()));
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

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function changes(count: number): string {
  return count === 1 ? "1 change" : `${count} changes`;
}

function nameOf(change: Change): string {
  const names = { scribble: "a scribble", brush: "a brush stroke", erase: "an eraser stroke", take: "a candidate" };
  return names[change.kind];
}
