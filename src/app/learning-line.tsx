/** One line on learning the image: how far it is, and the way to turn it off and on. */
import { Show } from "solid-js";
import type { Store } from "./store.ts";

const WORDS = {
  none: "",
  off: "Not learning images.",
  learning: "Learning image …",
  learned: "Image learned.",
  failed: "Image not learned.",
};

export function LearningLine({ store }: { readonly store: Store }) {
  const isOn = () => store.settings.isLearning();
  return (
    <Show when={store.learning().kind !== "none"}>
      <div class="learning" title={titleOf(store)}>
        <span>{WORDS[store.learning().kind]}</span>
        <button
          type="button"
          class="link"
          aria-label={isOn() ? "Turn learning off" : "Turn learning on"}
          onClick={() => store.turnLearning(!isOn())}
        >
          {isOn() ? "Off" : "On"}
        </button>
      </div>
    </Show>
  );
}

function titleOf(store: Store): string {
  const state = store.learning();
  if (state.kind === "failed") return `${state.why} Candidates are offered without it.`;
  return "Looks at the whole image once, in the background, so that candidates fit it better. Nothing waits for it.";
}
