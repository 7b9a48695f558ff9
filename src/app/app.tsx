/** The page: strips, image, gallery, and what is shown when there is no image. */
import { createSignal, Match, onCleanup, onMount, Show, Switch } from "solid-js";
import { StatusLine, ToolStrip, TopBar } from "./bars.tsx";
import { DropChoice } from "./drop-choice.tsx";
import { filesOf } from "./dropped-files.ts";
import { Gallery } from "./gallery.tsx";
import { createHand } from "./hand.ts";
import { KeySheet } from "./key-sheet.tsx";
import { listen } from "./keyboard.ts";
import type { Page } from "./keys.ts";
import { LabelDialog } from "./label-list.tsx";
import { MaskLabels } from "./mask-labels.tsx";
import { SidePlanes } from "./side-planes.tsx";
import { SliceBar } from "./slice-bar.tsx";
import { Stage } from "./stage.tsx";
import type { Store } from "./store.ts";

export function App({ store }: { readonly store: Store }) {
  const hand = createHand(store);
  const [isDropping, setDropping] = createSignal(false);
  const [isByKeyboard, setByKeyboard] = createSignal(false);
  let chooser!: HTMLInputElement;
  let isMaskWanted = false;
  const choose = (isMask: boolean) => {
    isMaskWanted = isMask;
    chooser.click();
  };
  const page: Page = { store, hand, chooseFiles: () => choose(false), chooseMask: () => choose(true) };

  onMount(() => {
    onCleanup(listen(page));
    onCleanup(listenToDrops(store, setDropping));
    onCleanup(listenToTabbing(setByKeyboard));
  });

  return (
    <div
      class="page"
      classList={{
        bare: !store.settings.arePanelsShown(),
        dropping: isDropping(),
        volume: isVolume(store),
        "with-planes": isVolume(store) && store.settings.arePlanesShown(),
        "by-keyboard": isByKeyboard() || hand.isKeyboard(),
      }}
    >
      <TopBar page={page} />
      <ToolStrip page={page} />
      <main>
        <Stage store={store} hand={hand} />
        <Show when={isSlow(store)}>
          <div class="progress" role="progressbar" aria-label="Looking for candidates" />
        </Show>
        <Instead page={page} />
      </main>
      <Show when={store.slicing()}>
        {(slicing) => (
          <>
            <SliceBar page={page} slicing={slicing()} />
            <Show when={store.settings.arePlanesShown()}>
              <SidePlanes store={store} slicing={slicing()} />
            </Show>
          </>
        )}
      </Show>
      <Gallery store={store} />
      <StatusLine store={store} hand={hand} />
      <KeySheet store={store} />
      <MaskLabels store={store} />
      <DropChoice store={store} />
      <Show when={isDropping() && store.openImage()}>
        {(open) => (
          <div class="drop-zone over">
            <p class="lead">Drop images or a folder to open them.</p>
            <p>{`A mask of ${open().name} becomes its start.`}</p>
          </div>
        )}
      </Show>
      <LabelDialog store={store} />
      <p class="unseen" aria-live="polite">
        {store.announcement()}
      </p>
      <input
        ref={chooser}
        hidden
        type="file"
        multiple
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])].map((file) => ({ file, folder: "" }));
          if (isMaskWanted && files.length > 0) void store.openMask(files[0].file);
          else void store.addFiles(files);
          isMaskWanted = false;
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}

/** Where no image is: why, and what to do. */
function Instead({ page }: { readonly page: Page }) {
  const { store } = page;
  return (
    <Switch>
      <Match when={store.page().kind === "empty"}>
        <div class="instead">
          <div class="drop-zone">
            <p class="lead">Drop images or a folder.</p>
            <p>Nothing leaves this computer.</p>
            <button type="button" onClick={() => page.chooseFiles()}>
              Choose images
            </button>
            <p class="small">DICOM series, NIfTI and NRRD volumes, PNG, TIFF and JPEG. Color becomes luminance.</p>
            <p class="small">{`They are kept in ${store.list().folder}.`}</p>
          </div>
        </div>
      </Match>
      <Match when={opening(store)}>{(name) => <p class="instead quiet">{`Opening ${name()} …`}</p>}</Match>
      <Match when={refusal(store)}>
        {(why) => (
          <div class="instead" role="alert">
            <p class="refused">{why()}</p>
          </div>
        )}
      </Match>
    </Switch>
  );
}

function listenToTabbing(setByKeyboard: (isByKeyboard: boolean) => void): () => void {
  const key = (event: KeyboardEvent) => {
    if (event.key === "Tab") setByKeyboard(true);
  };
  const pointer = () => setByKeyboard(false);
  window.addEventListener("keydown", key);
  window.addEventListener("pointerdown", pointer);
  return () => {
    window.removeEventListener("keydown", key);
    window.removeEventListener("pointerdown", pointer);
  };
}

function listenToDrops(store: Store, setDropping: (isDropping: boolean) => void): () => void {
  const over = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    setDropping(true);
  };
  const leave = (event: DragEvent) => {
    if (!event.relatedTarget) setDropping(false);
  };
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    if (event.dataTransfer) await store.drop(await filesOf(event.dataTransfer));
  };
  window.addEventListener("dragover", over);
  window.addEventListener("dragleave", leave);
  window.addEventListener("drop", drop);
  return () => {
    window.removeEventListener("dragover", over);
    window.removeEventListener("dragleave", leave);
    window.removeEventListener("drop", drop);
  };
}

function isSlow(store: Store): boolean {
  const state = store.offerState();
  return state.kind === "asking" && state.slow;
}

function opening(store: Store): string | null {
  const state = store.page();
  return state.kind === "opening" && !state.preview ? state.name : null;
}

/** Open, or on its way with a first picture, which then stays where it is. */
function isVolume(store: Store): boolean {
  return store.slicing() !== null || store.firstPicture() !== null;
}

function refusal(store: Store): string | null {
  const state = store.page();
  return state.kind === "refused" ? state.why : null;
}
