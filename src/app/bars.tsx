/** What stands around the image: the bar above it, the tools at its left, and the line below it. */
import { createEffect, createSignal, For, onCleanup, Show } from "solid-js";
import { voxelAt, worldOf } from "../image/index.ts";
import type { Hand } from "./hand.ts";
import { Icon, type IconName } from "./icons.tsx";
import { ACTIONS, type KeyAction, type Page, tooltipOf } from "./keys.ts";
import type { OpenImage } from "./open-image.ts";
import type { Store } from "./store.ts";
import { unitOf } from "./volume-window.ts";

export function TopBar({ page }: { readonly page: Page }) {
  const { store } = page;
  const images = () => store.list().images;
  const place = () => images().findIndex(({ id }) => id === store.current());
  return (
    <header class="top">
      <h1>Tendril</h1>
      <Show when={store.list().project !== "Tendril"}>
        <span class="project">{store.list().project}</span>
      </Show>
      <Show when={images().length > 1} fallback={<span class="name">{images()[0]?.name}</span>}>
        <select
          aria-label="Image"
          onChange={(event) => {
            void store.open(event.currentTarget.value);
            event.currentTarget.blur();
          }}
        >
          <For each={images()}>
            {({ id, name, actions }) => (
              <option value={id} selected={id === store.current()}>
                {`${actions > 0 ? "● " : ""}${name}`}
              </option>
            )}
          </For>
        </select>
        <span class="count">{`${place() + 1} / ${images().length}`}</span>
        <progress max={images().length} value={place() + 1} aria-label="Place in the list of images" />
      </Show>
      <span class="space" />
      <SaveWord store={store} />
      <span class="where" title="Images are read by this page and stay on this computer. The model runs here.">
        on this computer
      </span>
    </header>
  );
}

function SaveWord({ store }: { readonly store: Store }) {
  const words = {
    saved: "saved",
    saving: "saving",
    "not-saved": "not saved",
    "read-only": "read-only",
    conflict: "not saved",
  };
  return (
    <Show when={store.openImage()}>
      <span class={`save ${store.status().kind}`} data-status={store.status().kind}>
        {words[store.status().kind]}
      </span>
    </Show>
  );
}

export function ToolStrip({ page }: { readonly page: Page }) {
  const { store } = page;
  const { settings } = store;
  const isIdle = () => !store.openImage();
  return (
    <nav class="tools" aria-label="Tools">
      <ToolButton page={page} icon="scribble" action={ACTIONS.scribble} pressed={settings.tool() === "scribble"} />
      <ToolButton page={page} icon="box" action={ACTIONS.box} pressed={settings.tool() === "box"} />
      <ToolButton page={page} icon="brush" action={ACTIONS.brush} pressed={settings.tool() === "brush"} />
      <ToolButton page={page} icon="erase" action={ACTIONS.erase} pressed={settings.tool() === "erase"} />
      <ToolButton page={page} icon="swap" action={ACTIONS.swap} pressed={settings.isSwapped()} />
      <span class="gap" />
      <ToolButton page={page} icon="undo" action={ACTIONS.undo} disabled={isIdle() || !canUndo(store)} />
      <ToolButton page={page} icon="redo" action={ACTIONS.redo} disabled={isIdle() || !canRedo(store)} />
      <span class="gap" />
      <ToolButton page={page} icon="overlay" action={ACTIONS.overlay} pressed={settings.isOverlayShown()} />
      <ToolButton page={page} icon="parts" action={ACTIONS.parts} />
      <ToolButton page={page} icon="fit" action={ACTIONS.fit} />
      <span class="gap grows" />
      <ToolButton page={page} icon="open" action={ACTIONS.openFiles} />
      <ToolButton page={page} icon="mask" action={ACTIONS.openMask} disabled={isIdle() || store.isReadOnly()} />
      <ToolButton page={page} icon="export" action={ACTIONS.export} disabled={isIdle()} />
      <ToolButton page={page} icon="sheet" action={ACTIONS.sheet} />
    </nav>
  );
}

function ToolButton(props: {
  readonly page: Page;
  readonly icon: IconName;
  readonly action: KeyAction;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
}) {
  return (
    <button
      type="button"
      class="tool"
      data-key={shortest(props.action.keys).replace("Ctrl+", "^")}
      title={tooltipOf(props.action)}
      aria-label={tooltipOf(props.action)}
      aria-pressed={props.pressed}
      disabled={props.disabled ?? false}
      onClick={() => props.action.run?.(props.page, props.action.keys[0])}
    >
      <Icon name={props.icon} />
    </button>
  );
}

function shortest(keys: readonly string[]): string {
  return keys.reduce((best, key) => (key.length < best.length ? key : best));
}

export function StatusLine({ store, hand }: { readonly store: Store; readonly hand: Hand }) {
  return (
    <footer class="status">
      <Show when={store.openImage()} fallback={<span class="position" />}>
        <span class="position">{positionWords(store, hand)}</span>
      </Show>
      <Notice store={store} />
      <Show when={store.openImage()}>{(open) => <WindowWords store={store} open={open()} />}</Show>
    </footer>
  );
}

/** The one sentence that matters now: what is not saved comes before everything else. */
function Notice({ store }: { readonly store: Store }) {
  const [now, setNow] = createSignal(Date.now());
  createEffect(() => {
    if (store.status().kind !== "not-saved") return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    onCleanup(() => clearInterval(timer));
  });
  const unsavedWords = () => {
    const status = store.status();
    if (status.kind === "conflict") return `${status.why} Open the image again to see them.`;
    if (status.kind !== "not-saved") return null;
    const seconds = Math.max(1, Math.ceil((status.retryAt - now()) / 1000));
    return `${status.why} Everything is here and is saved as soon as that works. Retrying in ${seconds} s.`;
  };
  return (
    <div class="notice" role="status">
      <Show
        when={unsavedWords()}
        fallback={
          <Show when={store.message()}>
            {(message) => (
              <>
                <span class={message().tone}>{message().text}</span>
                <Show when={message().button}>
                  {(button) => (
                    <button type="button" class="link" onClick={() => button().run()}>
                      {button().label}
                    </button>
                  )}
                </Show>
              </>
            )}
          </Show>
        }
      >
        {(words) => (
          <>
            <span class="warning">{words()}</span>
            <Show
              when={store.status().kind === "not-saved"}
              fallback={
                <button type="button" class="link" onClick={() => void store.open(store.current()!)}>
                  Open again
                </button>
              }
            >
              <button type="button" class="link" onClick={() => store.retry()}>
                Retry now
              </button>
            </Show>
          </>
        )}
      </Show>
    </div>
  );
}

function WindowWords({ store, open }: { readonly store: Store; readonly open: OpenImage }) {
  const { settings } = store;
  const name = () => {
    const { low, high } = settings.window();
    return [...open.presets, open.firstPreset].find((preset) => preset.low === low && preset.high === high)?.name ?? "";
  };
  const words = () => {
    const { low, high } = settings.window();
    const { offset, step } = open.volume?.scale ?? { offset: 0, step: 1 };
    return `W ${numberWords((high - low) * step)} L ${numberWords(offset + ((low + high) / 2) * step)}`;
  };
  return (
    <span class="window" title="Window and level: hold W and drag, or Alt+1 to 4">
      <Show when={settings.tool() !== "box"}>
        <span>{`⌀ ${settings.width()} px`}</span>
      </Show>
      <span>{`${Math.round(settings.view().scale * 100)} %`}</span>
      <span>{words()}</span>
      <span class="preset">{name()}</span>
    </span>
  );
}

function positionWords(store: Store, hand: Hand): string {
  store.revision();
  const sheet = store.sheet();
  if (!sheet) return "";
  const { width, height } = sheet;
  const at = hand.position();
  const [x, y] = at ? [Math.round(at[0]), Math.round(at[1])] : [-1, -1];
  const slicing = store.slicing();
  if (x < 0 || y < 0 || x >= width || y >= height)
    return slicing ? slicing.volume.volume.size.join(" × ") : `${width} × ${height}`;
  if (!slicing) return `${x}, ${y} · ${sheet.image.data[y * width + x]}`;
  const { volume, plane, slice } = slicing;
  const voxel = voxelAt(plane, slice, [x, y]);
  const unit = unitOf(volume.volume, volume.scale);
  return `${placeWords(worldOf(volume.volume.toWorld, voxel))} · ${numberWords(volume.intensityAt(voxel))}${unit}`;
}

/** "L 12.3  A 40.1  S 8.0 mm": where in the patient, from the origin of its coordinates. */
function placeWords(world: readonly number[]): string {
  const sides = ["LR", "PA", "IS"];
  const words = world.map((value, axis) => `${sides[axis][value < 0 ? 0 : 1]} ${Math.abs(value).toFixed(1)}`);
  return `${words.join("  ")} mm`;
}

/** Whole numbers as they are, others with three digits that count. */
export function numberWords(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return `${Math.round(value)}`;
  return `${Number(value.toPrecision(3))}`;
}

function canUndo(store: Store): boolean {
  store.revision();
  return !store.isReadOnly() && (store.openImage()?.history.done.length ?? 0) > 0;
}

function canRedo(store: Store): boolean {
  store.revision();
  return !store.isReadOnly() && (store.openImage()?.history.undone.length ?? 0) > 0;
}
