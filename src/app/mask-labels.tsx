/** Which label of a mask becomes inside, where it has several. */
import { createEffect, For } from "solid-js";
import type { Store } from "./store.ts";

export function MaskLabels({ store }: { readonly store: Store }) {
  let dialog!: HTMLDialogElement;
  createEffect(() => {
    if (store.maskChoice()) dialog.showModal();
    else dialog.close();
  });
  return (
    <dialog class="sheet" ref={dialog} aria-label="Labels of the mask" onClose={() => store.maskChoice()?.choose(null)}>
      <h2>{`${store.maskChoice()?.name ?? ""} holds several labels`}</h2>
      <p>{`Which one becomes the start of ${store.activeLabel()?.name ?? ""}?`}</p>
      <ul class="labels">
        <For each={store.maskChoice()?.labels}>
          {(label) => (
            <li>
              <button type="button" onClick={() => store.maskChoice()?.choose(label)}>
                {`${label.value} · ${label.name} (${label.voxels.toLocaleString("en")})`}
              </button>
            </li>
          )}
        </For>
      </ul>
      <button type="button" class="link" onClick={() => store.maskChoice()?.choose("all")}>
        All of them, each as the label of its name
      </button>
      <button type="button" class="link close" onClick={() => store.maskChoice()?.choose(null)}>
        None
      </button>
    </dialog>
  );
}
