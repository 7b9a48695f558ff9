/**
 * The candidates beside the image: in the model's order, all in one crop, each showing only what it does differently. What looks alike is
 * all over the image, and is shown so, beside all of them.
 */
import { createEffect, createMemo, createSignal, For, Match, onCleanup, onMount, Show, Switch } from "solid-js";
import type { Grid } from "../core/index.ts";
import { AdaptationLine } from "./adaptation-line.tsx";
import type { Offer } from "./asker.ts";
import { LabelList } from "./label-list.tsx";
import { LearningLine } from "./learning-line.tsx";
import {
  alternativesOf,
  type Crop,
  changeWords,
  cropOf,
  membersOf,
  placeWords,
  sampleCrop,
  type TileKind,
  takenOf,
  tileKind,
} from "./offer-raster.ts";
import type { OpenImage } from "./open-image.ts";
import type { Sheet as Worked } from "./sheet.ts";
import { StepDial } from "./step-dial.tsx";
import { STEPS } from "./steps.ts";
import type { Store } from "./store.ts";

/** Azure over gray, how much of it. */
const ADDS_ALPHA = 0.72;
const AZURE = [59, 167, 255];
const AMBER = [255, 176, 0];
/** Amber dots stand this far apart and are this large, CSS pixels. */
const DOT_PITCH = 6;
const DOT = 2;
/** Amber stripes over what would be taken away: their distance and width, CSS pixels. */
const STRIPE_PITCH = 6;
const STRIPE = 2;
const TILE_GROUND = 0x12;

/** What tiles of candidates that are compared have in common. */
interface Sheet {
  readonly candidates: Offer["candidates"];
  readonly crop: Crop;
  readonly raster: Grid;
  readonly members: Uint8Array;
  readonly taken: Uint8Array;
  readonly gray: Uint8Array;
}

export function Gallery({ store }: { readonly store: Store }) {
  const [tileSize, setTileSize] = createSignal<Grid>({ width: 160, height: 120 });
  const sheets = createMemo(() => {
    const offer = store.offer();
    const worked = store.sheet();
    if (!offer || !worked) return null;
    const on = (candidates: Offer["candidates"]) => sheetOf(candidates, worked, tileSize(), store.settings.window());
    const compared = alternativesOf(offer.candidates);
    const alternatives = on(compared);
    return { alternatives, all: compared.length < offer.candidates.length ? on(offer.candidates) : alternatives };
  });

  return (
    <section class="gallery" aria-label="Candidates">
      <Switch>
        <Match when={store.offerState().kind === "asking"}>
          <p class="hint">{isSlow(store) ? "Still looking. You can go on drawing." : ""}</p>
        </Match>
        <Match when={store.offer()}>
          {(offer) => (
            <ol class="tiles">
              <For each={offer().candidates}>
                {({ looksAlike }, place) => (
                  <Tile
                    store={store}
                    offer={offer()}
                    place={place()}
                    sheet={sheets()![looksAlike ? "all" : "alternatives"]}
                    onSize={setTileSize}
                  />
                )}
              </For>
            </ol>
          )}
        </Match>
        <Match when={store.offerState().kind === "nothing-larger"}>
          <p class="hint">
            <strong>No larger region found.</strong> Add a scribble where it should grow
            {canGoFurther(store) ? ", take a bigger step," : ""} or press <kbd>N</kbd>.
          </p>
        </Match>
        <Match when={failure(store)}>{(why) => <p class="hint warning">{why()}</p>}</Match>
        <Match when={store.openImage()}>{(open) => <Hint store={store} open={open()} />}</Match>
      </Switch>
      <div class="foot">
        <Show when={store.openImage()}>
          <LabelList store={store} />
        </Show>
        <Show when={store.openImage() && store.takesStep() && !store.isReadOnly()}>
          <StepDial store={store} />
          <LearningLine store={store} />
        </Show>
        <Show when={store.openImage()}>
          <AdaptationLine store={store} />
        </Show>
      </div>
    </section>
  );
}

function Hint({ store, open }: { readonly store: Store; readonly open: OpenImage }) {
  const isUntouched = () => {
    store.revision();
    return open.history.done.length === 0;
  };
  return (
    <Switch>
      <Match when={store.isReadOnly()}>
        <p class="hint">Another tab is drawing on this image. This one shows what is saved there.</p>
      </Match>
      <Match when={isUntouched()}>
        <div class="hint">
          <svg class="ghost" viewBox="0 0 120 64" aria-hidden="true">
            <path class="ghost-inside" d="M18 40 C 34 14, 50 52, 66 26 S 92 30, 100 20" />
            <path class="ghost-outside" d="M14 58 C 44 50, 80 62, 108 50" />
          </svg>
          <p>
            Draw inside it. Right button: outside. Or a box around all of it: <kbd>C</kbd>
          </p>
        </div>
      </Match>
      <Match when={true}>
        <p class="hint">
          Scribble to be offered more, or press <kbd>R</kbd>.
        </p>
      </Match>
    </Switch>
  );
}

function Tile(props: {
  readonly store: Store;
  readonly offer: Offer;
  readonly place: number;
  readonly sheet: Sheet;
  onSize(size: Grid): void;
}) {
  let canvas!: HTMLCanvasElement;
  const { store } = props;
  const candidate = () => props.offer.candidates[props.place];
  const count = () => props.sheet.candidates.length;
  const placeOnSheet = () => props.sheet.candidates.indexOf(candidate());
  const open = store.openImage();
  const inside = open ? store.insideOn(open) : 0;
  const change = () => changeWords(candidate().change, inside);
  const place = () => placeWords(props.sheet.members, props.sheet.taken, props.sheet.raster, placeOnSheet(), count());
  const odds = () => {
    if (candidate().isCarried) return `mask of slice ${props.offer.carriedFrom! + 1}`;
    if (candidate().looksAlike) return "all that looks alike";
    if (candidate().keeps) return "keeps what is there";
    const { answers } = props.offer.model!;
    return `${Math.max(1, Math.round(candidate().support * answers))} of ${answers} answers`;
  };

  const whatItIs = () => {
    if (candidate().isCarried) return `It is the ${odds()}.`;
    if (candidate().looksAlike) return "All that looks like what you have marked.";
    if (candidate().keeps) return "What is there, corrected near what you have drawn.";
    return `${odds()} of the model agree on it.`;
  };

  createEffect(() => drawTile(canvas, props.sheet, placeOnSheet(), count()));
  onMount(() => {
    const observer = new ResizeObserver(
      ([
        {
          contentRect: { width, height },
        },
      ]) => {
        if (props.place === 0 && width > 0 && height > 0) props.onSize({ width, height });
      },
    );
    observer.observe(canvas);
    onCleanup(() => observer.disconnect());
  });

  return (
    <li>
      <button
        type="button"
        class="tile"
        classList={{ previewed: store.previewed() === props.place }}
        title={`Take it (${props.place + 1}). ${whatItIs()}`}
        onClick={() => store.take(props.place)}
        onPointerEnter={() => store.preview(props.place)}
        onPointerLeave={() => store.preview(null)}
        onFocus={() => store.preview(props.place)}
        onBlur={() => store.preview(null)}
      >
        <canvas ref={canvas} />
        <span class="caption">
          <kbd>{props.place + 1}</kbd>
          <span class="change">{change()}</span>
          <span class="place">{candidate().isCarried ? "carried" : place()}</span>
        </span>
        <span class="odds">{odds()}</span>
        <span class="support" aria-hidden="true">
          <span style={{ width: `${100 * candidate().support}%` }} />
        </span>
      </button>
    </li>
  );
}

function canGoFurther(store: Store): boolean {
  return store.takesStep() && store.settings.step() < STEPS.length - 1;
}

function isSlow(store: Store): boolean {
  const state = store.offerState();
  return state.kind === "asking" && state.slow;
}

function failure(store: Store): string | null {
  const state = store.offerState();
  return state.kind === "failed" ? state.why : null;
}

function sheetOf(
  candidates: Offer["candidates"],
  worked: Worked,
  tile: Grid,
  { low, high }: { low: number; high: number },
): Sheet {
  const { annotation } = worked;
  const crop = cropOf(candidates, annotation, (worked.aspect * tile.width) / tile.height);
  const raster = {
    width: Math.max(1, Math.round(tile.width * devicePixelRatio)),
    height: Math.max(1, Math.round(tile.height * devicePixelRatio)),
  };
  // The halving whose pixels are about a tile's pixels: nearest neighbours in the image itself would flicker.
  const halvings = Math.max(0, Math.floor(Math.log2(crop.width / raster.width)));
  const index = Math.min(worked.levels.length - 1, halvings);
  const level = worked.levels[index];
  const gray = sampleCrop(worked, crop, raster, (x, y) => {
    const value = level.data[(y >> index) * level.width + (x >> index)];
    return Math.min(255, Math.max(0, (255 * (value - low)) / (high - low)));
  });
  return {
    candidates,
    crop,
    raster,
    members: membersOf(candidates, annotation, crop, raster),
    taken: takenOf(annotation, crop, raster),
    gray,
  };
}

function drawTile(canvas: HTMLCanvasElement, sheet: Sheet, candidate: number, count: number): void {
  const { width, height } = sheet.raster;
  const kinds = Array.from(sheet.members, (bits, i) => tileKind(bits, candidate, count, sheet.taken[i] === 1));
  const pixels = new ImageData(width, height);
  for (let i = 0; i < kinds.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    pixels.data.set(colorOf(kinds[i], sheet.gray[i] || TILE_GROUND, x, y), 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  context.putImageData(pixels, 0, 0);
  strokeShared(context, kinds, sheet.raster);
}

function colorOf(kind: TileKind, gray: number, x: number, y: number): [number, number, number] {
  if (kind === "adds")
    return AZURE.map((channel) => channel * ADDS_ALPHA + gray * (1 - ADDS_ALPHA)) as [number, number, number];
  const pitch = Math.round(DOT_PITCH * devicePixelRatio);
  const dot = Math.round(DOT * devicePixelRatio);
  if (kind === "leaves" && x % pitch < dot && y % pitch < dot) return [...AMBER] as [number, number, number];
  if (kind === "removes" && (x + y) % Math.round(STRIPE_PITCH * devicePixelRatio) < STRIPE * devicePixelRatio)
    return [...AMBER] as [number, number, number];
  return [gray, gray, gray];
}

/** A thin white line, dark-cased, around what all candidates share. */
function strokeShared(context: CanvasRenderingContext2D, kinds: readonly TileKind[], { width, height }: Grid): void {
  const path = new Path2D();
  const isShared = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && kinds[y * width + x] === "shared";
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const here = isShared(x, y);
      if (here !== isShared(x, y - 1)) {
        path.moveTo(x, y);
        path.lineTo(x + 1, y);
      }
      if (here !== isShared(x - 1, y)) {
        path.moveTo(x, y);
        path.lineTo(x, y + 1);
      }
    }
  }
  context.lineCap = "square";
  context.lineWidth = 3 * devicePixelRatio;
  context.strokeStyle = "rgba(0, 0, 0, 0.55)";
  context.stroke(path);
  context.lineWidth = 1.25 * devicePixelRatio;
  context.strokeStyle = "#ffffff";
  context.stroke(path);
}
