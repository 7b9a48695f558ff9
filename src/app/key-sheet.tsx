/** All keys, from the table of actions. */
import { createEffect, For } from "solid-js";
import { actions, type KeyAction } from "./keys.ts";
import type { Store } from "./store.ts";

const GROUPS: readonly KeyAction["group"][] = [
  "Candidates",
  "Labels",
  "Tools",
  "History",
  "Slices",
  "Images",
  "View",
  "File and help",
];

export function KeySheet({ store }: { readonly store: Store }) {
  const { settings } = store;
  let dialog!: HTMLDialogElement;
  createEffect(() => {
    if (settings.isSheetShown()) dialog.showModal();
    else dialog.close();
  });
  return (
    <dialog class="sheet" ref={dialog} aria-label="Keys" onClose={() => settings.setSheetShown(false)}>
      <h2>Keys</h2>
      <button type="button" class="link close" onClick={() => settings.setSheetShown(false)}>
        Close
      </button>
      <div class="groups">
        <For each={GROUPS}>
          {(group) => (
            <section>
              <h3>{group}</h3>
              <dl>
                <For each={actions.filter((action) => action.group === group)}>
                  {({ keys, label }) => (
                    <div>
                      <dt>
                        <For each={keys}>{(key) => <kbd>{printed(key)}</kbd>}</For>
                      </dt>
                      <dd>{label}</dd>
                    </div>
                  )}
                </For>
              </dl>
            </section>
          )}
        </For>
      </div>
    </dialog>
  );
}

function printed(key: string): string {
  return key
    .replace("ArrowLeft", "←")
    .replace("ArrowRight", "→")
    .replace("ArrowUp", "↑")
    .replace("ArrowDown", "↓")
    .replace("Escape", "Esc")
    .replace("PageUp", "PgUp")
    .replace("PageDown", "PgDn");
}
