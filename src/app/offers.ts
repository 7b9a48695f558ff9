/** What is offered for the sheet that is worked on: candidates asked for, looked at, taken, or let go. */
import { batch, createSignal } from "solid-js";
import { type Action, named, type TakenCandidate, takeDelta } from "../project/annotation.ts";
import type { Asker, Offer } from "./asker.ts";
import { sentenceOf } from "./message.ts";
import { changeWords, disagreementOf } from "./offer-raster.ts";
import type { OpenImage } from "./open-image.ts";
import type { Settings } from "./settings.ts";
import { placeOn, type Sheet } from "./sheet.ts";
import type { Slicing } from "./slice-work.ts";
import { STEPS } from "./steps.ts";
import type { ModelFacts } from "./worker-messages.ts";

/** Candidates offered at a time. */
const OFFERED = 4;
/** A proposal that takes longer than this shows a progress line, milliseconds. */
const SLOW = 1000;

/** Where the offer stands. */
export type OfferState =
  | { readonly kind: "none" }
  | { readonly kind: "asking"; readonly slow: boolean }
  | { readonly kind: "offered"; readonly offer: Offer }
  | { readonly kind: "nothing-larger" }
  | { readonly kind: "failed"; readonly why: string };

/** What of the page's state this needs. */
export interface OfferPorts {
  readonly asker: Asker;
  readonly settings: Settings;
  openImage(): OpenImage | null;
  sheet(): Sheet | null;
  slicing(): Slicing | null;
  /** What changes of the label that is worked on name. */
  label(): number;
  isReadOnly(): boolean;
  takesStep(): boolean;
  act(action: Action): void;
  know(facts: ModelFacts): void;
  announce(text: string): void;
  insideOn(opened: OpenImage): number;
}

export function createOffers({ asker, settings, openImage, sheet, isReadOnly, takesStep, ...ports }: OfferPorts) {
  const { slicing, label, act, know, announce, insideOn } = ports;
  const [offerState, setOfferState] = createSignal<OfferState>({ kind: "none" });
  const [previewed, setPreviewed] = createSignal<number | null>(null);
  /** How often the same question has been asked anew. */
  let round = 0;

  const offer = () => {
    const state = offerState();
    return state.kind === "offered" ? state.offer : null;
  };

  /** From the journal's length: reopening the image and asking again gives the same four. */
  const seed = () => (openImage()?.performed ?? 0) * 1000 + round;

  async function ask(): Promise<void> {
    const opened = openImage();
    const shown = sheet();
    if (!opened || !shown || isReadOnly()) return;
    closeOffer();
    setOfferState({ kind: "asking", slow: false });
    const slow = setTimeout(() => {
      if (offerState().kind === "asking") setOfferState({ kind: "asking", slow: true });
    }, SLOW);
    const step = STEPS[settings.step()].share;
    try {
      const { image, annotation } = shown;
      const answer = await asker.ask({ image, annotation: annotation.data, count: OFFERED, seed: seed(), step });
      if (!answer || sheet() !== shown) return;
      if (answer.model) know(answer.model);
      if (shown.place) slicing()!.work.disagreed(shown.place, disagreementOf(answer.candidates, annotation));
      if (answer.candidates.length === 0) nothingLarger();
      else present(answer, opened);
    } catch (error) {
      if (sheet() === shown) setOfferState({ kind: "failed", why: sentenceOf(error) });
    } finally {
      clearTimeout(slow);
    }
  }

  function present(answer: Offer, opened: OpenImage): void {
    setOfferState({ kind: "offered", offer: answer });
    const changes = answer.candidates.map(({ change }) => changeWords(change, insideOn(opened)));
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
    const shown = sheet();
    const from = offer();
    const candidate = from?.candidates[place];
    if (!opened || !shown || !from || !candidate || isReadOnly()) return;
    const delta = opened.wholeDelta(takeDelta(shown.annotation, candidate.partial, candidate.box));
    if (candidate.isCarried)
      act({ kind: "carry", slice: shown.place!, from: from.carriedFrom!, ...named(label()), delta, at: Date.now() });
    else {
      const candidate = factsOf(from, place);
      act({ kind: "take", candidate, ...placeOn(shown), ...named(label()), delta, at: Date.now() });
    }
    announce(`Took ${place + 1}, ${insideOn(opened).toLocaleString("en")} pixels.`);
    round = 0;
    void ask();
  }

  /** What the journal keeps of a candidate. */
  function factsOf(from: Offer, place: number): TakenCandidate {
    const model = from.model!;
    const { support, looksAlike, keeps } = from.candidates[place];
    return {
      model: model.name,
      seed: from.seed,
      place: place + 1,
      offered: from.candidates.length,
      support,
      // A model that takes steps of its own was not asked for one.
      ...(model.kind === "general" ? { step: from.step, features: from.features } : {}),
      ...(looksAlike && { looksAlike }),
      ...(keeps && { keeps }),
      ...(from.carriedFrom === undefined ? {} : { carriedFrom: from.carriedFrom }),
    };
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

  return {
    seed,
    present,
    /** Another model proposes: whoever looks at what the last one did, or did not, wants to see what this one does. */
    renew() {
      if (offerState().kind !== "none" && offer()?.carriedFrom === undefined) void ask();
    },
    /** Another image or slice is worked on. */
    beginAnew() {
      round = 0;
    },
    actions: {
      offerState,
      offer,
      /** Place of the candidate shown on the image, from 0. */
      previewed,
      preview: (place: number | null) => setPreviewed(place !== null && offer()?.candidates[place] ? place : null),
      ask,
      askAnew() {
        round++;
        void ask();
      },
      closeOffer,
      take,
      setStep,
    },
  };
}
