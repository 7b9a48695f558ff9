/** Beside a volume's image: the two planes that are not worked on, through the crosshair; a click moves it. And the statistics. */
import { createEffect, createMemo, createSignal, For, onCleanup, onMount } from "solid-js";
import { channelsOf, type Plane, pixelOf, sliceImage, voxelAt } from "../image/index.ts";
import { INSIDE } from "../project/annotation.ts";
import { numberWords } from "./bars.tsx";
import { clearedContext } from "./canvases.ts";
import type { Slicing } from "./slice-work.ts";
import type { Store } from "./store.ts";
import { unitOf } from "./volume-window.ts";
import { grayTable } from "./window-level.ts";

/** A label's color over gray, how much of it. */
const INSIDE_ALPHA = 0.4;
/** Room that the crosshair leaves free around its middle, CSS pixels. */
const OPEN_MIDDLE = 6;

export function SidePlanes(props: { readonly store: Store; readonly slicing: Slicing }) {
  const others = () => props.slicing.volume.shownPlanes.filter((name) => name !== props.slicing.plane.name);
  return (
    <aside class="planes" aria-label="Other planes and statistics">
      <For each={others()}>{(name) => <SidePlane {...props} plane={props.slicing.volume.planes[name]} />}</For>
      <Statistics {...props} />
    </aside>
  );
}

function SidePlane(props: { readonly store: Store; readonly slicing: Slicing; readonly plane: Plane }) {
  const { store } = props;
  let canvas!: HTMLCanvasElement;
  const [size, setSize] = createSignal({ width: 1, height: 1 });
  /** What is painted again and again, a pixel a voxel. */
  let pixels = new ImageData(1, 1);
  const painted = new OffscreenCanvas(1, 1);
  // Remembered, so that a step of the slice that is worked on makes nothing anew here but the crosshair.
  const open = createMemo(() => props.slicing.volume);
  const plane = createMemo(() => props.plane);
  const slice = createMemo(() => open().sliceAt(plane(), store.look().at));
  const gray = createMemo(() => grayTable(store.settings.window(), open().scale.maximum));
  const image = createMemo(() => sliceImage(open().volume, open().scale, plane(), slice()));
  /** The slice with its mask. */
  const paint = () => {
    store.revision();
    const { width, height, data } = image();
    const table = gray();
    if (pixels.width !== width || pixels.height !== height) {
      pixels = new ImageData(width, height);
      Object.assign(painted, { width, height });
    }
    const words = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < words.length; i++) words[i] = table[data[i]];
    if (store.settings.isOverlayShown())
      for (const [label, work] of open().worked) tint(pixels, work.on(plane(), slice()).data, open().colorOf(label));
    painted.getContext("2d")!.putImageData(pixels, 0, 0);
    return painted;
  };
  const picture = createMemo(paint, painted, { equals: false });

  createEffect(() => {
    draw(canvas, picture(), plane(), props.slicing.plane, pixelOf(plane(), store.look().at), size());
  });
  onMount(() => {
    const observer = new ResizeObserver(
      ([
        {
          contentRect: { width, height },
        },
      ]) => setSize({ width: Math.max(1, width), height: Math.max(1, height) }),
    );
    observer.observe(canvas);
    onCleanup(() => observer.disconnect());
  });

  const goTo = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    const { scale, x, y } = placed(plane(), size());
    const at = voxelAt(plane(), slice(), [
      (event.clientX - box.left - x) / scale - 0.5,
      (event.clientY - box.top - y) / (scale * plane().aspect) - 0.5,
    ]);
    store.lookAt({ at });
  };

  return (
    <figure class="side-plane">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${plane().name} slice ${slice() + 1} of ${plane().count}`}
        title="Click to look there"
        onPointerDown={(event) => {
          canvas.setPointerCapture(event.pointerId);
          goTo(event);
        }}
        onPointerMove={(event) => {
          if (canvas.hasPointerCapture(event.pointerId)) goTo(event);
        }}
        onWheel={(event) => {
          event.preventDefault();
          const at: [number, number, number] = [...store.look().at];
          at[plane().axis] += Math.sign(event.deltaY);
          store.lookAt({ at });
        }}
      />
      <span class="edge at-left" aria-hidden="true">
        {plane().letters.left}
      </span>
      <span class="edge at-right" aria-hidden="true">
        {plane().letters.right}
      </span>
      <figcaption>
        {`${plane().name} ${slice() + 1}`}
        <button type="button" class="link" onClick={() => store.lookAt({ plane: plane().name })}>
          Work here
        </button>
      </figcaption>
    </figure>
  );
}

function tint(pixels: ImageData, labels: Uint8Array, name: string): void {
  const color = channelsOf(name);
  for (let i = 0; i < labels.length; i++) {
    if (!(labels[i] & INSIDE)) continue;
    for (let channel = 0; channel < 3; channel++)
      pixels.data[4 * i + channel] = pixels.data[4 * i + channel] * (1 - INSIDE_ALPHA) + color[channel] * INSIDE_ALPHA;
  }
}

/** Where a whole slice lies on a canvas, in its middle and as large as fits. */
function placed({ width, height, aspect }: Plane, size: { width: number; height: number }) {
  const scale = Math.min(size.width / width, size.height / (height * aspect));
  return { scale, x: (size.width - width * scale) / 2, y: (size.height - height * aspect * scale) / 2 };
}

function draw(
  canvas: HTMLCanvasElement,
  picture: OffscreenCanvas,
  plane: Plane,
  worked: Plane,
  cross: { x: number; y: number },
  size: { width: number; height: number },
): void {
  const context = clearedContext(canvas, size);
  const { scale, x, y } = placed(plane, size);
  const down = scale * plane.aspect;
  context.drawImage(picture, x, y, plane.width * scale, plane.height * down);
  const [cx, cy] = [x + (cross.x + 0.5) * scale, y + (cross.y + 0.5) * down];
  // The slice that is worked on goes all the way; the other line is fainter.
  const line = (isWorked: boolean, ends: readonly [number, number, number, number]) => {
    context.strokeStyle = isWorked ? "rgba(255, 255, 255, 0.9)" : "rgba(255, 255, 255, 0.4)";
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(ends[0], ends[1]);
    context.lineTo(ends[2], ends[3]);
    context.stroke();
  };
  const isWorkedDown = worked.axis === plane.down.axis;
  const [right, bottom] = [x + plane.width * scale, y + plane.height * down];
  line(isWorkedDown, [x, cy, cx - OPEN_MIDDLE, cy]);
  line(isWorkedDown, [cx + OPEN_MIDDLE, cy, right, cy]);
  line(!isWorkedDown, [cx, y, cx, cy - OPEN_MIDDLE]);
  line(!isWorkedDown, [cx, cy + OPEN_MIDDLE, cx, bottom]);
}

function Statistics(props: { readonly store: Store; readonly slicing: Slicing }) {
  const { store } = props;
  const facts = createMemo(() => {
    store.revision();
    const { volume, plane, slice, work } = props.slicing;
    const { tally } = work;
    const unit = unitOf(volume.volume, volume.scale);
    const meanWords = (mean: number | null) => (mean === null ? "–" : `${numberWords(mean)}${unit}`);
    return [
      ["Volume", `${numberWords(tally.inside * tally.voxelVolume)} ml`],
      ["Mean", meanWords(tally.mean(plane.axis))],
      ["Slice's area", `${numberWords(tally.areas[plane.axis][slice] * plane.pixelArea)} mm²`],
      ["Slice's mean", meanWords(tally.mean(plane.axis, slice))],
    ] as const;
  });
  return (
    <section class="statistics" aria-label="Statistics">
      <dl>
        <For each={facts()}>
          {([name, value]) => (
            <div>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          )}
        </For>
      </dl>
      <button type="button" class="link" title="Every slice as a table" onClick={() => store.saveStatistics()}>
        Save as CSV
      </button>
    </section>
  );
}
