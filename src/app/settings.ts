/** How the annotator has set the tools and the view of the open image. */
import { createSignal } from "solid-js";
import type { Grid } from "../core/index.ts";
import { STEPS } from "./steps.ts";
import type { View } from "./view.ts";
import type { WindowLevel } from "./window-level.ts";

export type Pen = "scribble" | "brush" | "erase";
export type Tool = Pen | "box";

/** What of the overlay is drawn. */
export type OverlayParts = "both" | "fill" | "outline";

const PARTS: readonly OverlayParts[] = ["both", "fill", "outline"];
/** Diameters at the start, share of the image's longer side. */
const PEN_SHARE = 1 / 100;
const BRUSH_SHARE = 1 / 32;
const LARGEST_SHARE = 1 / 2;
/** Image pixels. A pen of 750 takes half a second to become pixels. */
const LARGEST_WIDTH = 500;
/** One step of `[` or `]`. */
const SIZE_STEP = 1.2;

export function createSettings() {
  const [tool, setTool] = createSignal<Tool>("scribble");
  const [isSwapped, setSwapped] = createSignal(false);
  const [penWidth, setPenWidth] = createSignal(3);
  const [brushWidth, setBrushWidth] = createSignal(9);
  const [isOverlayShown, setOverlayShown] = createSignal(true);
  const [isPeeking, setPeeking] = createSignal(false);
  const [parts, setParts] = createSignal<OverlayParts>("both");
  const [arePanelsShown, setPanelsShown] = createSignal(true);
  const [arePlanesShown, setPlanesShown] = createSignal(true);
  const [isSheetShown, setSheetShown] = createSignal(false);
  const [view, setView] = createSignal<View>({ scale: 1, aspect: 1, x: 0, y: 0 });
  const [screen, setScreen] = createSignal<Grid>({ width: 1, height: 1 });
  const [window, setWindow] = createSignal<WindowLevel>({ low: 0, high: 255 });
  const [step, setStep] = createSignal(recalledStep());
  const [isLearning, setLearning] = createSignal(recall("learning") !== "off");

  return {
    tool,
    setTool,
    isSwapped,
    setSwapped,
    isOverlayShown,
    setOverlayShown,
    /** While true the image is shown bare. */
    isPeeking,
    setPeeking,
    parts,
    nextParts: () => setParts(PARTS[(PARTS.indexOf(parts()) + 1) % PARTS.length]),
    arePanelsShown,
    setPanelsShown,
    /** Of a volume: the two planes that are not worked on. */
    arePlanesShown,
    setPlanesShown,
    isSheetShown,
    setSheetShown,
    /** Place among STEPS; kept in the browser. */
    step,
    setStep(place: number) {
      setStep(Math.min(STEPS.length - 1, Math.max(0, place)));
      remember("step", String(step()));
    },
    /** Whether images are learned in the background; kept in the browser. */
    isLearning,
    setLearning(isOn: boolean) {
      setLearning(isOn);
      remember("learning", isOn ? "on" : "off");
    },
    view,
    setView,
    /** Size of the canvas, CSS pixels. */
    screen,
    setScreen,
    window,
    setWindow,
    /** Diameter of the tool in hand, or beside a box of the eraser, image pixels. */
    width: () => (tool() === "scribble" ? penWidth() : brushWidth()),
    /** Larger by `steps` (smaller when negative), at least by a pixel. */
    resize(steps: number, image: Grid) {
      const set = tool() === "scribble" ? setPenWidth : setBrushWidth;
      const half = Math.round(Math.max(image.width, image.height) * LARGEST_SHARE);
      const largest = Math.max(1, Math.min(LARGEST_WIDTH, half));
      set((width) => {
        const wanted = Math.round(width * SIZE_STEP ** steps);
        return Math.min(largest, Math.max(1, wanted === width ? width + Math.sign(steps) : wanted));
      });
    },
    /** Diameters that suit an image of this size. */
    setWidthsFor(image: Grid) {
      const side = Math.max(image.width, image.height);
      setPenWidth(Math.max(2, Math.round(side * PEN_SHARE)));
      setBrushWidth(Math.max(3, Math.round(side * BRUSH_SHARE)));
    },
  };
}

export type Settings = ReturnType<typeof createSettings>;

/** The place among STEPS that was set last; the last, to finish it, at the beginning. */
function recalledStep(): number {
  const kept = recall("step");
  const place = Number(kept);
  return kept !== null && place in STEPS ? place : STEPS.length - 1;
}

/** Where the browser keeps nothing (storage is blocked or full), a setting lasts as long as the page. */
function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    return;
  }
}

function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
