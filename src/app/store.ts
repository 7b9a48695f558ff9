/**
 * What the page knows and can do: the images, the open one, what is offered for it, and every action of the annotator. The
 * components show it and call it; nothing else changes the annotation.
 *
 * Here is what several need: what is shown, and what is said about it. What is done is in the files that end in `-work`, and
 * `offers.ts`; this one puts them together.
 */
import { createSignal } from "solid-js";
import { createAdaptWork } from "./adapt-work.ts";
import type { Api } from "./api.ts";
import type { Asker } from "./asker.ts";
import { createChangeWork } from "./change-work.ts";
import { createDropWork } from "./drop-work.ts";
import { createExportWork } from "./export-work.ts";
import { createLabelWork } from "./label-work.ts";
import { createLearnWork } from "./learn-work.ts";
import type { Learner } from "./learner.ts";
import { createMaskWork } from "./mask-work.ts";
import type { Message } from "./message.ts";
import { createOffers } from "./offers.ts";
import type { Look, OpenImage } from "./open-image.ts";
import { createOpenWork, type PageState } from "./open-work.ts";
import type { Reader } from "./reader.ts";
import { createSaveWork } from "./save-work.ts";
import { createSettings } from "./settings.ts";
import { createSliceWork, type Slicing } from "./slice-work.ts";
import { type Point, panBy, zoomAt } from "./view.ts";

export function createStore(api: Api, reader: Reader, asker: Asker, learner: Learner) {
  const settings = createSettings();
  const [page, setPage] = createSignal<PageState>({ kind: "starting" });
  const [look, setLook] = createSignal<Look>({ at: [0, 0, 0], plane: "axial" });
  const [revision, setRevision] = createSignal(0);
  const [message, setMessage] = createSignal<Message | null>(null);
  const [announcement, announce] = createSignal("");

  const redraw = () => setRevision((n) => n + 1);
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
  /** Pixels inside on what is worked on. */
  const insideOn = (opened: OpenImage) => {
    const now = slicing();
    return now ? now.work.tally.areas[now.plane.axis][now.slice] : opened.insideOf(label());
  };
  const shared = { openImage, announce, setMessage };

  const saving = createSaveWork({
    ...{ api, openImage, redraw, setMessage },
    reopen: (id) => void images.open(id),
    takeLabels: (opened, listed) => labels.take(opened, listed),
  });
  const { act } = saving;
  const { isReadOnly } = saving.actions;

  const labels = createLabelWork({
    ...{ ...shared, api, isReadOnly, settled: saving.settled, redraw },
    closeOffer: () => closeOffer(),
  });
  const { label } = labels;

  const learning = createLearnWork({ asker, learner, settings, openImage, sheet, isWriting: saving.isWriting });
  const { know } = learning;

  const offers = createOffers({
    ...{ asker, settings, openImage, sheet, slicing, label, isReadOnly },
    ...{ takesStep: learning.actions.takesStep, act, know, announce, insideOn },
  });
  const { ask, closeOffer, offer } = offers.actions;

  const slices = createSliceWork({
    ...{ asker, settings, sheet, slicing, look, setLook, isReadOnly, offer, act, closeOffer, know, insideOn },
    ...{ label, labels: labels.actions.labels, seed: offers.seed, present: offers.present, announce, setMessage },
    changed() {
      offers.beginAnew();
      learning.learnAnew();
    },
  });

  const changes = createChangeWork({
    ...{ ...shared, sheet, label, isReadOnly, act, ask, closeOffer },
    ...{ goToLabel: labels.goTo, goToChange: slices.goToChange, moveCrosshair: slices.moveCrosshair },
  });

  const images = createOpenWork({
    ...{ api, reader, settings, page, setPage, setLook, label, redraw, announce, message, setMessage },
    listed: () => void adapting.look(),
    leave() {
      closeOffer();
      adapting.leave();
      learning.forget();
    },
    closeSaving: saving.close,
    arrive(opened, listed) {
      offers.beginAnew();
      labels.show(opened, listed);
    },
    beginWork(opened, session, kept) {
      saving.begin(opened, session, kept);
      void learning.learn();
    },
  });

  const adapting = createAdaptWork({
    ...{ ...shared, api, revision, list: images.list, settled: saving.settled },
    changeModel() {
      // Whoever asks for candidates is told of a model that cannot be loaded.
      asker.reload().then(know, () => undefined);
      offers.renew();
    },
  });

  const masks = createMaskWork({
    ...{ ...shared, reader, isReadOnly, act, closeOffer, label, undo: changes.undo },
    ...{ labels: labels.actions.labels, changeLabel: labels.changeLabel },
  });

  const drops = createDropWork({
    ...{ reader, openImage, isReadOnly, setMessage },
    ...{ addFiles: images.addFiles, openMask: masks.openMask },
  });

  const exporting = createExportWork({ ...shared, api, settled: saving.settled });

  async function start(): Promise<void> {
    // Whoever asks for candidates is told of a model that cannot be loaded.
    asker.load().then(know, () => undefined);
    await images.start();
  }

  return {
    settings,
    page,
    openImage,
    firstPicture,
    sheet,
    look,
    slicing,
    insideOn,
    label,
    /** Counts changes of the annotation: what draws it depends on this. */
    revision,
    message,
    setMessage,
    /** For the live region. */
    announcement,
    ...images,
    ...saving.actions,
    ...labels.actions,
    ...learning.actions,
    ...offers.actions,
    ...slices.actions,
    ...changes,
    ...masks,
    ...drops,
    ...exporting,
    ...adapting.actions,
    start,
    /** @param at  screen point that stays where it is */
    zoom(factor: number, at: Point) {
      const shown = sheet();
      if (shown) settings.setView((view) => zoomAt(view, factor, at, shown, settings.screen()));
    },
    pan(by: Point) {
      const shown = sheet();
      if (shown) settings.setView((view) => panBy(view, by, shown, settings.screen()));
    },
    /** A new start of the server has a new token; the address with it was opened in this tab. */
    useToken(token: string) {
      api.token = token;
      if (saving.isWriting()) saving.actions.retry();
      else void start();
      void adapting.look();
    },
  };
}

export type Store = ReturnType<typeof createStore>;
