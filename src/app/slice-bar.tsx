/** Under a volume's image: every slice by the area of its mask, what was done on it, and how much it is to be doubted. */
import { createEffect, createMemo, createSignal, onCleanup, onMount, Show } from "solid-js";
import type { Grid } from "../core/index.ts";
import { DONE, FILLED, TOUCHED } from "../project/slice-labels.ts";
import { clearedContext } from "./canvases.ts";
import { ACTIONS, type KeyAction, type Page, tooltipOf } from "./keys.ts";
import type { Slicing } from "./slice-work.ts";
import { AMBER, AZURE } from "./styles.ts";

/** Doubts are counted when the hand has rested for so long, milliseconds. */
const REST = 250;
/** CSS pixels: the row of marks under the columns, and of doubt above them. */
const MARKS = 8;
const DOUBTS = 4;
/** Doubt that is not worth a mark. */
const LEAST_DOUBT = 0.05;
const COLUMN = "#5c6a76";
const GREEN = "#5fb98a";

export function SliceBar(props: { readonly page: Page; readonly slicing: Slicing }) {
  const { store } = props.page;
  let canvas!: HTMLCanvasElement;
  const [size, setSize] = createSignal({ width: 1, height: 1 });
  const [doubts, setDoubts] = createSignal<Float64Array>(new Float64Array());
  const plane = () => props.slicing.plane;
  const changes = () => {
    store.revision();
    return props.slicing.opened.history.done;
  };
  const marks = createMemo(() => props.slicing.work.marks(plane(), changes()));

  createEffect(() => {
    const { work, opened } = props.slicing;
    const shown = plane();
    store.revision();
    store.offerState();
    const timer = setTimeout(() => setDoubts(work.doubts(shown, opened.history.done)), REST);
    onCleanup(() => clearTimeout(timer));
  });
  createEffect(() => {
    store.revision();
    const areas = props.slicing.work.tally.areas[plane().axis];
    draw(canvas, size(), { areas, marks: marks(), doubts: doubts(), slice: props.slicing.slice });
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
    const { left, width } = canvas.getBoundingClientRect();
    const slice = Math.floor(((event.clientX - left) / width) * plane().count);
    store.goToSlice(Math.min(plane().count - 1, Math.max(0, slice)));
  };
  const isDone = () => (marks()[props.slicing.slice] & DONE) !== 0;
  const words = () => {
    const mark = marks()[props.slicing.slice];
    if (mark & DONE) return "done";
    if (mark & FILLED) return "filled";
    return mark & TOUCHED ? "begun" : "";
  };
  const count = (bit: number) => marks().reduce((total, mark) => total + (mark & bit ? 1 : 0), 0);

  return (
    <section class="slices" aria-label="Slices">
      <BarButton page={props.page} action={ACTIONS.axis} label={plane().name} />
      <span class="slice-number">
        <strong>{props.slicing.slice + 1}</strong>
        {` / ${plane().count}`}
        <small>{words()}</small>
      </span>
      <canvas
        ref={canvas}
        role="slider"
        tabindex="0"
        aria-label="Slice"
        aria-valuemin={1}
        aria-valuemax={plane().count}
        aria-valuenow={props.slicing.slice + 1}
        aria-valuetext={`${plane().name} ${props.slicing.slice + 1} of ${plane().count} ${words()}`}
        title="Columns: area of the mask on each slice. Below: green done, blue filled in, gray begun. Amber above: doubtful."
        onPointerDown={(event) => {
          canvas.setPointerCapture(event.pointerId);
          goTo(event);
        }}
        onPointerMove={(event) => {
          if (canvas.hasPointerCapture(event.pointerId)) goTo(event);
        }}
      />
      <span class="slice-count">{`${count(DONE)} done`}</span>
      <Show when={!store.isReadOnly()}>
        <BarButton page={props.page} action={ACTIONS.next} label={isDone() ? "Next" : "Done"} mark="⏎" />
        <BarButton page={props.page} action={ACTIONS.fill} label="Fill" />
      </Show>
      <BarButton page={props.page} action={ACTIONS.doubtful} label="Doubt" />
    </section>
  );
}

function BarButton(props: {
  readonly page: Page;
  readonly action: KeyAction;
  readonly label: string;
  readonly mark?: string;
}) {
  return (
    <button
      type="button"
      class="bar-button"
      title={tooltipOf(props.action)}
      onClick={(event) => {
        props.action.run?.(props.page, props.action.keys[0]);
        event.currentTarget.blur();
      }}
    >
      {props.label}
      <kbd>{props.mark ?? props.action.keys[0]}</kbd>
    </button>
  );
}

interface Drawn {
  readonly areas: Int32Array;
  readonly marks: Uint8Array;
  readonly doubts: Float64Array;
  readonly slice: number;
}

function draw(canvas: HTMLCanvasElement, size: Grid, { areas, marks, doubts, slice }: Drawn): void {
  const context = clearedContext(canvas, size);
  const { width, height } = size;
  const count = areas.length;
  const step = width / count;
  const most = areas.reduce((largest, area) => Math.max(largest, area), 1);
  const [top, bottom] = [DOUBTS + 2, height - MARKS];
  // A column is at least a pixel wide, and neighbours have a gap where there is room for one.
  const column = Math.max(1, step > 4 ? step - 1 : step);
  context.fillStyle = "#1d2329";
  context.fillRect(0, bottom, width, 1);
  for (let i = 0; i < count; i++) {
    const x = i * step;
    const isHere = i === slice;
    if (areas[i] > 0) {
      const tall = Math.max(1.5, (areas[i] / most) * (bottom - top));
      context.fillStyle = isHere ? "#e8eaed" : COLUMN;
      context.fillRect(x, bottom - tall, column, tall);
    }
    const color = marks[i] & DONE ? GREEN : marks[i] & FILLED ? AZURE : marks[i] & TOUCHED ? "#97a2ab" : null;
    if (color) {
      context.fillStyle = color;
      // Told apart without their color too: done is tall, filled flat, begun a dot.
      const tall = marks[i] & DONE ? 5 : marks[i] & FILLED ? 2 : 3;
      const wide = marks[i] & (DONE | FILLED) ? Math.max(2, column) : Math.min(3, Math.max(2, column));
      context.fillRect(x + (column - wide) / 2, bottom + 2, wide, tall);
    }
    if (doubts[i] >= LEAST_DOUBT) {
      context.fillStyle = AMBER;
      context.globalAlpha = 0.35 + 0.65 * Math.min(1, doubts[i]);
      context.fillRect(x, 0, Math.max(2, column), DOUBTS);
      context.globalAlpha = 1;
    }
  }
  const middle = (slice + 0.5) * step;
  context.fillStyle = "#ffffff";
  context.fillRect(middle - 0.75, 0, 1.5, height);
}
