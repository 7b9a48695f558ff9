/** Adapting the model to the images that are annotated, which the server does: how far it is, and whose model proposes. */
import { createSignal } from "solid-js";
import { type Adaptation, type Api, ApiError, type ImageList } from "./api.ts";
import { type Message, sentenceOf } from "./message.ts";
import type { OpenImage } from "./open-image.ts";

/** How far it is is asked so often while it runs, milliseconds; and while the server is away. */
const LOOK_AGAIN = 1000;
const LOOK_AGAIN_AWAY = 5000;

/** What the annotator is to know before it begins. */
export const ASKED = "About 5 minutes at full load. All that is annotated counts as finished.";

/** Where adapting stands. */
export type AdaptingState =
  /** Nothing to adapt to, or nobody who could. */
  | { readonly kind: "none" }
  | { readonly kind: "possible"; readonly images: number }
  /** The annotator has asked for it, and is asked whether to begin. */
  | { readonly kind: "asking"; readonly images: number }
  | { readonly kind: "running"; readonly images: number; readonly share: number | null; readonly left: string }
  | { readonly kind: "adapted"; readonly images: number; readonly choice: ModelChoice }
  /** `choice` is null where the project has no model of its own yet. */
  | { readonly kind: "failed"; readonly why: string; readonly choice: ModelChoice | null };

/** What proposes where the project has a model of its own; "named" is neither that one nor the shipped one. */
export type ModelChoice = "own" | "shipped" | "named";

/** What of the page's state this needs. */
export interface AdaptPorts {
  readonly api: Api;
  list(): ImageList;
  openImage(): OpenImage | null;
  /** Counts changes of the annotation. */
  revision(): number;
  /** Resolves when all that was done is on the disk. */
  settled(): Promise<void>;
  /** The server has another model that proposes. */
  changeModel(): void;
  announce(text: string): void;
  setMessage(message: Message | null): void;
}

export function createAdaptWork({ api, list, openImage, revision, settled, ...ports }: AdaptPorts) {
  const { changeModel, announce, setMessage } = ports;
  /** What the server said last; null before that, and where there is none that knows. */
  const [told, setTold] = createSignal<Adaptation | null>(null);
  const [isAsking, setAsking] = createSignal(false);
  /** Images that were worked on here. */
  const [worked, setWorked] = createSignal<ReadonlySet<string>>(new Set());
  let again: ReturnType<typeof setTimeout> | undefined;

  /** Annotated images: when the list was made, or since then by this page. */
  function annotated(): number {
    revision();
    const ids = new Set(worked());
    for (const { id, actions } of list().images) if (actions > 0) ids.add(id);
    const opened = openImage();
    if (opened && opened.performed > 0) ids.add(opened.id);
    return ids.size;
  }

  function state(): AdaptingState {
    const now = told();
    if (!now) return { kind: "none" };
    if (now.state === "running") {
      const { done, total, secondsLeft, images } = now;
      return {
        kind: "running",
        images,
        share: total > 0 ? done / total : null,
        left: total > 0 ? leftWords(secondsLeft) : "preparing",
      };
    }
    const images = annotated();
    if (images === 0) return { kind: "none" };
    if (isAsking()) return { kind: "asking", images };
    const own = now.isNamed ? "named" : now.isAdapted ? "own" : "shipped";
    const choice = now.hasOwn ? own : null;
    if (now.state === "failed") return { kind: "failed", why: now.message ?? "It failed.", choice };
    return choice === null ? { kind: "possible", images } : { kind: "adapted", images, choice };
  }

  /** Asks the server how far it is, and goes on asking while it runs. */
  async function look(): Promise<void> {
    clearTimeout(again);
    try {
      take(await api.adaptation());
    } catch (error) {
      // That the server is away is said where it says what is saved. One that answers otherwise has been started anew.
      if (!(error instanceof ApiError && error.status === 0)) setTold(null);
      else if (told()?.state === "running") again = setTimeout(look, LOOK_AGAIN_AWAY);
    }
  }

  function take(now: Adaptation): void {
    clearTimeout(again);
    const before = told();
    setTold(now);
    if (now.state === "running") again = setTimeout(look, LOOK_AGAIN);
    if (!before) return;
    if (before.state !== now.state) announce(changeWords(now));
    // A server that was started anew counts from 0 again.
    if (before.modelChanges !== now.modelChanges || before.isAdapted !== now.isAdapted) changeModel();
  }

  /** Has the server do something; what it cannot do is told. */
  async function attempt(failure: string, work: () => Promise<Adaptation>): Promise<void> {
    try {
      take(await work());
    } catch (error) {
      setMessage({ tone: "warning", text: `${failure} ${sentenceOf(error)}` });
      await look();
    }
  }

  return {
    look,
    /** The image is left. */
    leave() {
      const opened = openImage();
      if (opened && opened.performed > 0) setWorked(new Set([...worked(), opened.id]));
      setAsking(false);
    },
    actions: {
      adapting: state,
      /** For a tab that comes to the front: another one may have changed the model meanwhile. */
      async lookAgain(): Promise<void> {
        if (told()) await look();
      },
      /** Asks the annotator first: it is minutes of work for the computer. */
      offerAdapting(): void {
        setAsking(true);
        announce(ASKED);
      },
      cancelAdapting(): void {
        setAsking(false);
      },
      async adapt(): Promise<void> {
        setAsking(false);
        await attempt("Not adapted.", async () => {
          await settled();
          return api.startAdapting();
        });
      },
      stopAdapting: () => attempt("Not stopped.", () => api.stopAdapting()),
      async useOwnModel(isOwn: boolean): Promise<void> {
        await attempt("Not changed.", () => api.useOwnModel(isOwn));
        if (told()?.isAdapted === isOwn)
          announce(isOwn ? "The adapted model proposes." : "The shipped model proposes.");
      },
    },
  };
}

export function imageWords(count: number): string {
  return count === 1 ? "1 image" : `${count} images`;
}

function leftWords(seconds: number | null): string {
  if (seconds === null) return "";
  return seconds < 60 ? "under 1 min left" : `${Math.round(seconds / 60)} min left`;
}

function changeWords({ state, images, message }: Adaptation): string {
  return {
    none: "",
    running: `Adapting to ${imageWords(images)}.`,
    done: "Adapted to these images.",
    failed: `Not adapted. ${message ?? ""}`,
    stopped: "Stopped. The model is as it was.",
  }[state];
}
