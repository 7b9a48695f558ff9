/** Asks what a dropped file is that may be a mask of the open image, or an image of its own. */
import { createEffect, onCleanup } from "solid-js";
import type { Store } from "./store.ts";

const KINDS = { m: "mask", i: "image" } as const;

export function DropChoice({ store }: { readonly store: Store }) {
  let dialog!: HTMLDialogElement;
  const key = (event: KeyboardEvent) => {
    event.stopPropagation();
    const kind = KINDS[event.key.toLowerCase() as keyof typeof KINDS];
    if (!kind || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    store.dropChoice()?.choose(kind);
  };
  createEffect(() => {
    if (!store.dropChoice()) return dialog.close();
    dialog.showModal();
    // Before the page's own keys, which rest while it asks, wherever the focus is.
    window.addEventListener("keydown", key, { capture: true });
    onCleanup(() => window.removeEventListener("keydown", key, { capture: true }));
  });
  return (
    <dialog
      class="sheet"
      ref={dialog}
      aria-label="What the dropped file is"
      onClose={() => store.dropChoice()?.choose(null)}
    >
      <h2>{`${store.dropChoice()?.name ?? ""} may be a mask`}</h2>
      <p>{`It lies on ${store.dropChoice()?.image ?? ""} and has ${wordsFor(store.dropChoice()?.labels ?? 0)}.`}</p>
      <ul class="labels">
        <li>
          <button type="button" onClick={() => store.dropChoice()?.choose("mask")}>
            <kbd>M</kbd> {`Open as mask of ${store.dropChoice()?.image ?? ""}`}
          </button>
        </li>
        <li>
          <button type="button" onClick={() => store.dropChoice()?.choose("image")}>
            <kbd>I</kbd> Open as image
          </button>
        </li>
      </ul>
      <button type="button" class="link close" onClick={() => store.dropChoice()?.choose(null)}>
        Neither
      </button>
    </dialog>
  );
}

function wordsFor(labels: number): string {
  return labels === 1 ? "one value besides 0" : `${labels} values besides 0`;
}
