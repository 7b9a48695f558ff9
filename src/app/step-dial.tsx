/** The step dial: how much of what is left the candidates are to add, from a little to all of it. */
import { STEPS } from "./steps.ts";
import type { Store } from "./store.ts";

export function StepDial({ store }: { readonly store: Store }) {
  const step = () => store.settings.step();
  return (
    <div class="dial" title="How much of what is left the candidates add: smaller (-), larger (=)">
      <label for="step">Step</label>
      <output for="step">{STEPS[step()].name}</output>
      <input
        id="step"
        type="range"
        min={0}
        max={STEPS.length - 1}
        value={step()}
        aria-valuetext={STEPS[step()].name}
        onInput={(event) => store.setStep(event.currentTarget.valueAsNumber)}
        // The pen's arrow keys and digits are the page's again as soon as the mouse lets go.
        onPointerUp={(event) => event.currentTarget.blur()}
      />
      <span class="stops" aria-hidden="true">
        <span>a little</span>
        <span>half</span>
        <span>finish it</span>
      </span>
    </div>
  );
}
