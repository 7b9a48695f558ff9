/** Adapting the model to these images: the way to begin, how far it is, and which model proposes afterwards. */
import { type JSX, Match, onCleanup, onMount, Show, Switch } from "solid-js";
import { type AdaptingState, ASKED, imageWords, type ModelChoice } from "./adapt-work.ts";
import type { Store } from "./store.ts";

const PROPOSES: Record<ModelChoice, string> = {
  own: "Adapted model in use.",
  shipped: "Shipped model in use.",
  named: "Adapted, not in use.",
};

type Of<Kind> = Extract<AdaptingState, { kind: Kind }>;

export function AdaptationLine({ store }: { readonly store: Store }) {
  let line: HTMLDivElement | undefined;
  const as = <Kind extends AdaptingState["kind"]>(kind: Kind) => {
    const state = store.adapting();
    return state.kind === kind ? (state as Of<Kind>) : null;
  };
  const isWriter = () => !store.isReadOnly();

  onMount(() => {
    const seen = () => {
      if (!document.hidden) void store.lookAgain();
    };
    document.addEventListener("visibilitychange", seen);
    onCleanup(() => document.removeEventListener("visibilitychange", seen));
  });

  /** What a key has pressed is gone then: the keyboard goes on with what came in its place, and the mouse's user with the image. */
  async function press(event: MouseEvent, run: () => void | Promise<void>): Promise<void> {
    const isByKey = event.detail === 0;
    await run();
    if (isByKey && document.activeElement === document.body) line?.querySelector("button")?.focus();
  }
  const Press = (props: { readonly title?: string; run(): void | Promise<void>; readonly children: JSX.Element }) => (
    <button type="button" class="link" title={props.title} onClick={(event) => void press(event, props.run)}>
      {props.children}
    </button>
  );
  const Begin = (props: { readonly images: number; readonly children: JSX.Element }) => (
    <Press title={titleOf(props.images)} run={store.offerAdapting}>
      {props.children}
    </Press>
  );
  const Choice = (props: { readonly of: ModelChoice }) => (
    <>
      <p title={titleOfChoice(props.of)}>{PROPOSES[props.of]}</p>
      <Show when={isWriter() && props.of !== "named"}>
        <Press
          title="Until Tendril is started again. Nothing is deleted."
          run={() => store.useOwnModel(props.of === "shipped")}
        >
          {props.of === "own" ? "Use shipped model" : "Use adapted model"}
        </Press>
      </Show>
    </>
  );

  return (
    <Show when={store.adapting().kind !== "none" && (isWriter() || store.adapting().kind !== "possible")}>
      <div class="adaptation" ref={line}>
        <Switch>
          <Match when={as("possible")}>{(state) => <Begin images={state().images}>Adapt to these images</Begin>}</Match>
          <Match when={isWriter() && as("asking")}>
            <p>{ASKED}</p>
            <Press run={store.adapt}>Start</Press>
            <Press run={store.cancelAdapting}>Cancel</Press>
          </Match>
          <Match when={as("running")}>
            {(state) => (
              <>
                <p title={titleOf(state().images)}>{`Adapting to ${imageWords(state().images)} …`}</p>
                <Show when={state().share !== null} fallback={<progress aria-label="Adapting" />}>
                  <progress aria-label="Adapting" value={state().share!} />
                </Show>
                <p class="left">{state().left}</p>
                <Show when={isWriter()}>
                  <Press run={store.stopAdapting}>Stop</Press>
                </Show>
              </>
            )}
          </Match>
          <Match when={as("adapted")}>
            {(state) => (
              <>
                <Choice of={state().choice} />
                <Show when={isWriter()}>
                  <Begin images={state().images}>Adapt again</Begin>
                </Show>
              </>
            )}
          </Match>
          <Match when={as("failed")}>
            {(state) => (
              <>
                <p class="warning" title={state().why}>{`Not adapted. ${state().why}`}</p>
                <Show when={isWriter()}>
                  <Press run={store.offerAdapting}>Try again</Press>
                </Show>
                <Show when={state().choice}>{(choice) => <Choice of={choice()} />}</Show>
              </>
            )}
          </Match>
        </Switch>
      </div>
    </Show>
  );
}

function titleOf(images: number): string {
  return `The model goes on with what is annotated on ${imageWords(images)} here, for about five minutes, on this computer. Everything that is annotated counts as finished.`;
}

function titleOfChoice(choice: ModelChoice): string {
  return {
    own: "Candidates come from the model that was adapted to this project's images.",
    shipped: "Candidates come from the model that Tendril is shipped with. The adapted one is kept.",
    named:
      "Candidates come from the model that Tendril was started with (--model). The adapted one is kept beside the images.",
  }[choice];
}
