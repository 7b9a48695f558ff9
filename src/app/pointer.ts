/** Pointer events on the canvas to gestures: strokes, panning, window and level, zoom; mouse, pen and fingers alike. */
import type { Hand, Modifiers } from "./hand.ts";
import type { Store } from "./store.ts";
import { type Point, toImage } from "./view.ts";
import { adjust } from "./window-level.ts";

const LEFT = 0;
const MIDDLE = 1;
const RIGHT = 2;
/** Bit of a pen's eraser end in `buttons`. */
const ERASER_END = 32;
/** Units of one notch of a wheel, and zoom for one unit; a pinch on a touch pad sends many small ones. */
const NOTCH = 100;
const WHEEL_ZOOM = 0.0022;
const PINCH_ZOOM = 0.01;
/** A drag of this many pixels changes window or level by the whole range. */
const WINDOW_DRAG = 600;

type Gesture =
  | { readonly kind: "stroke" | "pan" | "window"; readonly pointer: number; last: Point }
  /** Two fingers: by their middle and distance. */
  | { readonly kind: "pinch"; middle: Point; distance: number };

/** Listens on `canvas`, whose screen coordinates are CSS pixels from its top left corner; a press brings the focus to `stage`. */
export function listenToPointer(canvas: HTMLCanvasElement, stage: HTMLElement, store: Store, hand: Hand): void {
  const { settings } = store;
  const fingers = new Map<number, Point>();
  const slicesOf = wheelSteps();
  let gesture: Gesture | null = null;

  const at = (event: MouseEvent): Point => {
    const { left, top } = canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const imageAt = (event: MouseEvent): Point => toImage(settings.view(), at(event));

  canvas.addEventListener("pointerdown", (event) => {
    stage.focus({ preventScroll: true });
    event.preventDefault();
    if (!store.openImage()) return;
    canvas.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") fingers.set(event.pointerId, at(event));
    if (fingers.size === 2) {
      hand.cancel();
      gesture = { kind: "pinch", ...spread(fingers) };
      return;
    }
    if (gesture) return;
    gesture = { kind: kindOf(event, hand), pointer: event.pointerId, last: at(event) };
    if (gesture.kind !== "stroke") return;
    hand.hover(imageAt(event));
    hand.setModifiers(modifiersOf(event));
    hand.begin(imageAt(event), modifiersOf(event));
  });

  canvas.addEventListener("pointermove", (event) => {
    hand.hover(imageAt(event));
    if (event.pointerType === "touch" && fingers.has(event.pointerId)) fingers.set(event.pointerId, at(event));
    if (!gesture) {
      hand.setModifiers({ ...modifiersOf(event), isOpposite: false });
      return;
    }
    if (gesture.kind === "pinch") {
      if (fingers.size === 2) gesture = { kind: "pinch", ...pinch(store, gesture, spread(fingers)) };
      return;
    }
    if (event.pointerId !== gesture.pointer) return;
    if (gesture.kind === "stroke") {
      // A second button is told of as a move.
      if (hand.live()?.kind === "box" && isRightDown(event)) hand.cancel();
      const events = event.getCoalescedEvents();
      hand.extend((events.length > 0 ? events : [event]).map(imageAt));
      return;
    }
    const now = at(event);
    const by: Point = [now[0] - gesture.last[0], now[1] - gesture.last[1]];
    gesture.last = now;
    if (gesture.kind === "pan") store.pan(by);
    else dragWindow(store, by);
  });

  const finish = (event: PointerEvent, isCancelled: boolean) => {
    fingers.delete(event.pointerId);
    if (gesture?.kind === "pinch") {
      if (fingers.size === 0) gesture = null;
      return;
    }
    if (!gesture || event.pointerId !== gesture.pointer) return;
    if (gesture.kind === "stroke") {
      if (isCancelled) hand.cancel();
      else hand.end();
      hand.setModifiers({ ...modifiersOf(event), isOpposite: false });
    }
    gesture = null;
  };
  canvas.addEventListener("pointerup", (event) => finish(event, false));
  canvas.addEventListener("pointercancel", (event) => finish(event, true));
  canvas.addEventListener("pointerleave", () => {
    if (!gesture) hand.hover(null);
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const sheet = store.sheet();
      // A slice that changes under a stroke would get the rest of it.
      if (!sheet || gesture) return;
      // Browsers turn Shift+wheel sideways.
      const amount = event.deltaY || event.deltaX;
      const units = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? amount * 33 : amount;
      if (event.shiftKey && !event.ctrlKey) settings.resize(units > 0 ? -1 : 1, sheet);
      else if (sheet.place && !event.ctrlKey) store.stepSlice(slicesOf(units));
      else {
        const isPinch = event.ctrlKey && Math.abs(units) < 50;
        store.zoom(Math.exp(-units * (isPinch ? PINCH_ZOOM : WHEEL_ZOOM)), at(event));
      }
    },
    { passive: false },
  );
}

function kindOf(event: PointerEvent, hand: Hand): "stroke" | "pan" | "window" {
  if (event.button === MIDDLE || (event.button === LEFT && hand.isPanHeld())) return "pan";
  return event.button === LEFT && hand.isWindowHeld() ? "window" : "stroke";
}

function modifiersOf(event: PointerEvent): Modifiers {
  return {
    isOpposite: event.button === RIGHT || isRightDown(event),
    isInverted: event.altKey,
    isErasing: event.shiftKey || (event.buttons & ERASER_END) !== 0,
  };
}

function isRightDown({ buttons }: PointerEvent): boolean {
  return (buttons & 2) !== 0;
}

function dragWindow({ settings, openImage }: Store, [dx, dy]: Point): void {
  const open = openImage();
  if (open) settings.setWindow((window) => adjust(window, dx / WINDOW_DRAG, -dy / WINDOW_DRAG, open.range));
}

/** Turns of a wheel to whole slices: one a notch, and one for as many of a touch pad's small turns as make a notch. */
function wheelSteps(): (units: number) => number {
  let rest = 0;
  return (units) => {
    // A wheel's notch is a step whatever the system makes of it.
    if (Math.abs(units) >= NOTCH / 2) {
      rest = 0;
      return Math.sign(units);
    }
    rest += units;
    const steps = Math.trunc(rest / (NOTCH / 2));
    rest -= steps * (NOTCH / 2);
    return steps;
  };
}

/** The middle of two fingers and how far they are apart. */
function spread(fingers: ReadonlyMap<number, Point>): { middle: Point; distance: number } {
  const [[x0, y0], [x1, y1]] = [...fingers.values()];
  return { middle: [(x0 + x1) / 2, (y0 + y1) / 2], distance: Math.max(1, Math.hypot(x1 - x0, y1 - y0)) };
}

function pinch(
  store: Store,
  before: { middle: Point; distance: number },
  now: { middle: Point; distance: number },
): { middle: Point; distance: number } {
  store.pan([now.middle[0] - before.middle[0], now.middle[1] - before.middle[1]]);
  store.zoom(now.distance / before.distance, now.middle);
  return now;
}
