/** The image on the screen, all the room: one canvas for image and labels, one above it for what moves with the pen. */
import { createEffect, createMemo, For, on, onCleanup, onMount, Show } from "solid-js";
import { type Change, INSIDE, labelOf, SEGMENTED, type SlicePlace } from "../project/annotation.ts";
import { boxBetween, boxInEffect, drawBox, drawSize } from "./box-tool.ts";
import { drawCursor, drawLive, drawTraces, tracesOf } from "./draw.ts";
import type { Hand } from "./hand.ts";
import { ImageTiles } from "./image-tiles.ts";
import { MaskTiles } from "./mask-tiles.ts";
import { agreementAt, alternativesOf, valueAfter } from "./offer-raster.ts";
import { listenToPointer } from "./pointer.ts";
import type { Store } from "./store.ts";
import { AGREEMENT_STYLE, previewStyle } from "./styles.ts";
import { fitView, panBy, toScreen } from "./view.ts";
import { grayTable } from "./window-level.ts";

/** The ground around the image, a little darker than the strips beside it. */
const GROUND = "#0b0d0f";

const EDGES = ["left", "right", "top", "bottom"] as const;

export function Stage({ store, hand }: { readonly store: Store; readonly hand: Hand }) {
  const { settings } = store;
  let picture!: HTMLCanvasElement;
  let pen!: HTMLCanvasElement;
  let stage!: HTMLDivElement;

  const maximum = createMemo(() => store.sheet()?.image.maximum ?? 255);
  const table = createMemo(() => grayTable(settings.window(), maximum()));
  const tiles = new ImageTiles();
  const drawn = createMemo(() => {
    store.revision();
    const [open, sheet] = [store.openImage(), store.sheet()];
    if (!open || !sheet) return { traces: [], box: null };
    const changes = changesOn(open.history.done, store.label(), sheet.place);
    return { traces: tracesOf(sheet.annotation, changes), box: boxInEffect(changes) };
  });
  const preview = createMemo(() => {
    const place = store.previewed();
    return untilAnother(place === null ? null : previewTiles(store, place));
  });
  const agreement = createMemo(() => untilAnother(agreementTiles(store)));

  function drawPicture(): void {
    const context = picture.getContext("2d", { alpha: false })!;
    const sheet = store.sheet();
    const view = settings.view();
    const ratio = devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = GROUND;
    context.fillRect(0, 0, picture.width, picture.height);
    if (!sheet) return;
    tiles.show(sheet.levels, table());
    tiles.draw(context, view, ratio);
    if (settings.isPeeking() || !settings.isOverlayShown()) return;
    const parts = settings.parts();
    // Below the labels: where a candidate changes nothing, the line of what is there is to be seen.
    if (!preview()) agreement()?.draw(context, view, ratio, { fill: false, line: true });
    for (const { labels } of [...sheet.others.values(), sheet])
      labels.draw(context, view, ratio, { fill: parts !== "outline", line: parts !== "fill" });
    preview()?.draw(context, view, ratio, { fill: true, line: true });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    // A candidate is looked at alone: the lines of the pen would lie over its edges.
    if (preview()) return;
    const { traces, box } = drawn();
    if (box) drawBox(context, box, view);
    drawTraces(context, traces, view);
  }

  function drawPen(): void {
    const context = pen.getContext("2d")!;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, pen.width, pen.height);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    const view = settings.view();
    const live = hand.live();
    const sheet = store.sheet();
    if (live?.kind === "box" && sheet) {
      const box = boxBetween(live.from, live.to, sheet);
      drawBox(context, box, view);
      drawSize(context, box, view);
    } else if (live && live.kind !== "box") drawLive(context, live, view);
    const at = hand.position();
    if (!at || !store.openImage() || store.isReadOnly() || hand.isPanHeld() || hand.isWindowHeld()) return;
    const tool = live ?? hand.intent(hand.modifiers());
    const width = "width" in tool ? tool.width : tool.kind === "box" ? 0 : settings.width();
    drawCursor(context, toScreen(view, at), width * view.scale, view.aspect, tool);
  }

  const picturePainter = oncePerFrame(drawPicture);
  const penPainter = oncePerFrame(drawPen);

  createEffect(() => {
    store.sheet();
    table();
    drawn();
    preview();
    agreement();
    store.revision();
    settings.view();
    settings.screen();
    settings.isPeeking();
    settings.isOverlayShown();
    settings.parts();
    picturePainter();
  });
  createEffect(() => {
    hand.live();
    hand.position();
    hand.modifiers();
    hand.isPanHeld();
    hand.isWindowHeld();
    settings.view();
    settings.screen();
    settings.width();
    settings.isSwapped();
    store.page();
    store.status();
    penPainter();
  });
  // The lines under the pen become labels with its last point, in the same frame.
  createEffect(on(store.revision, () => drawPicture(), { defer: true }));

  onMount(() => {
    listenToPointer(pen, stage, store, hand);
    const observer = new ResizeObserver(([{ contentRect }]) => {
      resize(store, { width: Math.max(1, contentRect.width), height: Math.max(1, contentRect.height) });
      for (const canvas of [picture, pen]) {
        canvas.width = Math.max(1, Math.round(contentRect.width * devicePixelRatio));
        canvas.height = Math.max(1, Math.round(contentRect.height * devicePixelRatio));
      }
      drawPicture();
      drawPen();
    });
    observer.observe(picture);
    onCleanup(() => observer.disconnect());
  });

  const cursor = () => {
    if (hand.isPanHeld()) return "grab";
    if (hand.isWindowHeld()) return "move";
    return store.isReadOnly() ? "default" : "none";
  };

  return (
    <div class="stage" ref={stage} tabindex="0" role="application" aria-label={summaryOf(store)}>
      <canvas class="picture" ref={picture} />
      <Show when={store.slicing()}>
        {(slicing) => (
          <For each={EDGES}>
            {(edge) => (
              <span class={`edge at-${edge}`} aria-hidden="true">
                {slicing().plane.letters[edge]}
              </span>
            )}
          </For>
        )}
      </Show>
      <canvas class="pen" ref={pen} style={{ cursor: cursor() }} />
    </div>
  );
}

/** A label's changes that were made on a slice; all of them on an image. */
function changesOn(changes: readonly Change[], label: number, place: SlicePlace | undefined): readonly Change[] {
  const own = changes.filter((change) => labelOf(change) === label);
  if (!place) return own;
  return own.filter(
    (change) => change.kind !== "fill" && change.slice?.axis === place.axis && change.slice.index === place.index,
  );
}

/** In a memo: what is drawn until it is made anew gives its canvases back then. */
function untilAnother(tiles: MaskTiles | null): MaskTiles | null {
  onCleanup(() => tiles?.release());
  return tiles;
}

/** What a candidate would add and take away, drawn alone. */
function previewTiles(store: Store, place: number): MaskTiles | null {
  const sheet = store.sheet();
  const candidate = store.offer()?.candidates[place];
  if (!sheet || !candidate) return null;
  const { annotation } = sheet;
  const { data, width } = annotation;
  return new MaskTiles(
    sheet,
    (x, y) => {
      const [before, after] = [data[y * width + x], valueAfter(candidate, annotation, x, y)];
      if ((after & INSIDE) > (before & INSIDE)) return 1;
      if ((after & INSIDE) < (before & INSIDE)) return 3;
      return (after & SEGMENTED) > (before & SEGMENTED) ? 4 : 0;
    },
    previewStyle(store.activeLabel()!.color),
  );
}

/** What the candidates agree on and what not, in lines. */
function agreementTiles(store: Store): MaskTiles | null {
  const sheet = store.sheet();
  const offer = store.offer();
  if (!sheet || !offer) return null;
  const compared = alternativesOf(offer.candidates);
  const kinds = { all: 1, some: 2, none: 0 } as const;
  return new MaskTiles(sheet, (x, y) => kinds[agreementAt(compared, sheet.annotation, x, y)], AGREEMENT_STYLE);
}

/** Keeps a fitting image fitting, and otherwise the middle in the middle. */
function resize(store: Store, screen: { width: number; height: number }): void {
  const { settings } = store;
  const before = settings.screen();
  settings.setScreen(screen);
  const sheet = store.sheet();
  if (!sheet) return;
  const fitted = fitView(sheet, before);
  const view = settings.view();
  if (Math.abs(fitted.scale - view.scale) < 1e-6 * view.scale) settings.setView(fitView(sheet, screen));
  else {
    const by = [(screen.width - before.width) / 2, (screen.height - before.height) / 2] as const;
    settings.setView(panBy(view, by, sheet, screen));
  }
}

/** The canvas in words, for those who do not see it. */
function summaryOf(store: Store): string {
  store.revision();
  const [open, sheet] = [store.openImage(), store.sheet()];
  if (!open || !sheet) return "No image is open.";
  const { width, height } = sheet;
  const slicing = store.slicing();
  const what = slicing
    ? `${slicing.plane.name} slice ${slicing.slice + 1} of ${slicing.plane.count}, ${store.insideOn(open).toLocaleString("en")} of `
    : "";
  return (
    `${open.name}, ${width} by ${height} pixels, ${what}${open.insideOf(store.label()).toLocaleString("en")} inside${store.labels().length > 1 ? ` ${store.activeLabel()?.name}` : ""}. ` +
    "Arrow keys move a cursor, Enter begins and ends a stroke or box, digits take candidates, question mark lists all keys."
  );
}

function oncePerFrame(draw: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      draw();
    });
  };
}
