/** The model that proposes, and learning what is worked on for it in the background. */
import { createSignal } from "solid-js";
import type { Asker } from "./asker.ts";
import type { Learner } from "./learner.ts";
import { sentenceOf } from "./message.ts";
import type { OpenImage } from "./open-image.ts";
import type { Settings } from "./settings.ts";
import type { Sheet } from "./sheet.ts";
import type { ModelFacts } from "./worker-messages.ts";

/** A slice is learned when the annotator has stayed on it for so long, milliseconds. */
const STAYED = 2000;

/** How far learning the open image is. */
export type LearningState =
  /** Nothing to learn with: no image that can be drawn on, or a model that uses no features, or no encoder. */
  | { readonly kind: "none" }
  | { readonly kind: "off" }
  | { readonly kind: "learning" }
  | { readonly kind: "learned" }
  | { readonly kind: "failed"; readonly why: string };

/** What of the page's state this needs. */
export interface LearnPorts {
  readonly asker: Asker;
  readonly learner: Learner;
  readonly settings: Settings;
  openImage(): OpenImage | null;
  sheet(): Sheet | null;
  /** Who only looks on asks for no candidates. */
  isWriting(): boolean;
}

export function createLearnWork({ asker, learner, settings, openImage, sheet, isWriting }: LearnPorts) {
  const [model, setModel] = createSignal<ModelFacts | null>(null);
  const [learning, setLearning] = createSignal<LearningState>({ kind: "none" });

  /** The model is known: at the start or, when that failed, with the first candidates; or another one proposes now. */
  function know(facts: ModelFacts): void {
    const couldLearn = model()?.canLearn;
    setModel(facts);
    if (facts.canLearn !== couldLearn) void learn();
  }

  /** Learns the sheet that is worked on; the proposals on it after that use what was learned. */
  async function learn(): Promise<void> {
    const opened = openImage();
    const shown = sheet();
    if (!opened || !shown || !isWriting() || !model()?.canLearn) return;
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

  return {
    know,
    learn,
    /** Another slice is worked on. */
    learnAnew() {
      learner.stop();
      void learn();
    },
    /** The image is left. */
    forget() {
      learner.stop();
      setLearning({ kind: "none" });
    },
    actions: {
      /** The model that proposes; null until it is known. */
      model,
      /** Whether it takes the step that the dial is set to; until it is known it is not said to. */
      takesStep: () => model()?.kind === "general",
      learning,
      turnLearning(isOn: boolean) {
        settings.setLearning(isOn);
        void learn();
      },
    },
  };
}
