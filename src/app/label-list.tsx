/** Beside the image: the project's labels with what is inside each, the one that is worked on, and naming one. */
import { createEffect, For, Show } from "solid-js";
import type { Label } from "../image/index.ts";
import { keyOf, NAME_LIMIT } from "../project/labels.ts";
import { numberWords } from "./bars.tsx";
import { ACTIONS } from "./keys.ts";
import type { Store } from "./store.ts";

export function LabelList({ store }: { readonly store: Store }) {
  return (
    <section class="label-list" aria-label="Labels">
      <h2>
        Labels
        <Show when={store.labels().length > 1}>
          <span>
            <kbd>{ACTIONS.previousLabel.keys[0]}</kbd> <kbd>{ACTIONS.nextLabel.keys[0]}</kbd>
          </span>
        </Show>
        <Show when={!store.isReadOnly()}>
          <span>
            <button
              type="button"
              class="link"
              title="Change the label's name or color"
              onClick={() => store.editLabel()}
            >
              Edit
            </button>
            <button type="button" class="link" title="Add a label to the project" onClick={() => store.beginLabel()}>
              Add
            </button>
          </span>
        </Show>
      </h2>
      <ul>
        <For each={store.labels()}>{(label) => <Row store={store} label={label} />}</For>
      </ul>
    </section>
  );
}

function Row(props: { readonly store: Store; readonly label: Label }) {
  const { store } = props;
  let row!: HTMLLIElement;
  const isActive = () => store.activeLabel()?.value === props.label.value;
  createEffect(() => {
    if (isActive()) row.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  return (
    <li ref={row}>
      <button
        type="button"
        class="label-row"
        aria-pressed={isActive()}
        title={`Work on ${props.label.name} (value ${props.label.value})`}
        onClick={(event) => {
          store.chooseLabel(props.label.value);
          event.currentTarget.blur();
        }}
      >
        <svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">
          <rect width="12" height="12" rx="2" fill={props.label.color} />
        </svg>
        <span class="label-name">{props.label.name}</span>
        <span class="amount">{amountOf(store, props.label)}</span>
      </button>
    </li>
  );
}

/** Volume, or area of an image, which does not say how large its pixels are. */
function amountOf(store: Store, { value }: Label): string {
  store.revision();
  const opened = store.openImage();
  if (!opened) return "";
  const inside = opened.insideOf(keyOf(store.labels(), value));
  if (!opened.volume) return `${inside.toLocaleString("en")} px`;
  return `${numberWords(inside * opened.volume.voxelVolume)} ml`;
}

/** A label that is being named. */
export function LabelDialog({ store }: { readonly store: Store }) {
  let dialog!: HTMLDialogElement;
  let name!: HTMLInputElement;
  let color!: HTMLInputElement;
  createEffect(() => {
    const draft = store.draft();
    if (!draft) return dialog.close();
    name.value = draft.name;
    color.value = draft.color;
    if (!dialog.open) dialog.showModal();
    name.select();
  });
  return (
    <dialog class="sheet naming" ref={dialog} aria-label="Name of the label" onClose={() => store.closeDraft()}>
      <h2>{store.draft()?.value === undefined ? "A new label" : `Label ${store.draft()?.value}`}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const value = store.draft()?.value;
          void store.keepDraft({ ...(value === undefined ? {} : { value }), name: name.value, color: color.value });
        }}
      >
        <label>
          Name
          <input ref={name} type="text" required maxLength={NAME_LIMIT} autocomplete="off" />
        </label>
        <label>
          Color
          <input ref={color} type="color" />
        </label>
        <Show when={store.draft()?.problem}>
          {(problem) => (
            <p class="warning" role="alert">
              {problem()}
            </p>
          )}
        </Show>
        <div class="buttons">
          <button type="submit">Keep</button>
          <button type="button" onClick={() => store.closeDraft()}>
            Cancel
          </button>
          <Show when={store.draft() && store.isDraftRemovable()}>
            <button type="button" onClick={() => store.removeDraft()}>
              Remove
            </button>
          </Show>
        </div>
      </form>
    </dialog>
  );
}
