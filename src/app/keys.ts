/** Every action of the page in one table: the keyboard, the tooltips and the key sheet come from it. */
import type { Hand } from "./hand.ts";
import type { Tool } from "./settings.ts";
import type { Store } from "./store.ts";
import { fitView, type Point, toImage } from "./view.ts";

export interface Page {
  readonly store: Store;
  readonly hand: Hand;
  /** Opens the system's file dialog. */
  chooseFiles(): void;
  /** The same for a mask of the open image. */
  chooseMask(): void;
}

export interface KeyAction {
  readonly group: "Candidates" | "Labels" | "Tools" | "History" | "Slices" | "Images" | "View" | "File and help";
  /** As they are printed: "Ctrl+Shift+Z", "?", "1". Several do the same. What a mouse does stands here in words. */
  readonly keys: readonly string[];
  readonly label: string;
  /** At key down, with the one of `keys` that it was; a key that is held down repeats only where `repeats`. */
  readonly run?: (page: Page, key: string) => void;
  readonly repeats?: boolean;
  /** At key up, with how long the key was down in milliseconds. */
  readonly release?: (page: Page, held: number, key: string) => void;
}

/** A digit held longer than this only showed its candidate. */
const TAP = 350;
const ZOOM_STEP = 1.25;
const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** With `Shift`, image pixels. */
const FAR = 10;

export const ACTIONS = {
  take: {
    group: "Candidates",
    keys: ["1", "2", "3", "4"],
    label: "Take that candidate; hold to see it on the image",
    run: ({ store }, key) => store.preview(placeOf(key)),
    release({ store }, held, key) {
      store.preview(null);
      if (held < TAP) store.take(placeOf(key));
    },
  },
  ask: { group: "Candidates", keys: ["R"], label: "Ask for candidates now", run: ({ store }) => void store.ask() },
  anew: { group: "Candidates", keys: ["N"], label: "Four new ones", run: ({ store }) => store.askAnew() },
  smallerStep: {
    group: "Candidates",
    keys: ["-"],
    label: "Smaller step: candidates that add less of what is left",
    repeats: true,
    run: ({ store }) => store.setStep(store.settings.step() - 1),
  },
  largerStep: {
    group: "Candidates",
    keys: ["=", "+"],
    label: "Larger step, up to finishing it",
    repeats: true,
    run: ({ store }) => store.setStep(store.settings.step() + 1),
  },
  none: {
    group: "Candidates",
    keys: ["Escape"],
    label: "None of these; lets go of a stroke or box under way",
    run({ store, hand }) {
      if (store.settings.isSheetShown()) store.settings.setSheetShown(false);
      else if (store.draft()) store.closeDraft();
      else if (store.maskChoice()) store.maskChoice()?.choose(null);
      else if (hand.live()) hand.cancel();
      else if (hand.isKeyboard() && !store.offer()) hand.hover(null);
      else store.closeOffer();
    },
  },

  previousLabel: {
    group: "Labels",
    keys: [","],
    label: "Previous label of the project",
    run: ({ store }) => store.stepLabel(-1),
  },
  nextLabel: { group: "Labels", keys: ["."], label: "Next label", run: ({ store }) => store.stepLabel(1) },

  scribble: tool("S", "scribble", "Scribble: left inside, right outside; then candidates are offered"),
  box: tool("C", "box", "Box around the object: all beyond it is outside; then candidates are offered"),
  brush: tool("B", "brush", "Brush: left paints inside, right outside"),
  erase: tool("E", "erase", "Eraser: not inside, and stays so; right button: undecided again"),
  eraseHeld: { group: "Tools", keys: ["hold Shift"], label: "Erase with any tool" },
  swap: {
    group: "Tools",
    keys: ["X"],
    label: "Swap inside and outside",
    run: ({ store: { settings } }) => settings.setSwapped(!settings.isSwapped()),
  },
  swapHeld: { group: "Tools", keys: ["right drag", "hold Alt"], label: "The tool's opposite" },
  smaller: { group: "Tools", keys: ["["], label: "Smaller", repeats: true, run: (page) => resize(page, -1) },
  larger: { group: "Tools", keys: ["]"], label: "Larger", repeats: true, run: (page) => resize(page, 1) },
  sizeWheel: { group: "Tools", keys: ["Shift+wheel"], label: "Size of the pen" },
  cursor: {
    group: "Tools",
    keys: ["ArrowLeft", "ArrowRight"],
    label: "Move the cursor; Enter begins and ends a stroke, Esc puts the cursor away",
    repeats: true,
    run: (page, key) => moveCursor(page, key, 1),
  },
  cursorOrSlice: {
    group: "Tools",
    keys: ["ArrowUp", "ArrowDown"],
    label: "Move the cursor; in a volume where it is away: previous and next slice",
    repeats: true,
    run(page, key) {
      const { store, hand } = page;
      if (store.slicing() && !hand.isKeyboard()) store.stepSlice(ARROWS[key][1]);
      else moveCursor(page, key, 1);
    },
  },
  cursorFar: {
    group: "Tools",
    keys: Object.keys(ARROWS).map((key) => `Shift+${key}`),
    label: "Move the cursor by ten pixels",
    repeats: true,
    run: (page, key) => moveCursor(page, key.replace("Shift+", ""), FAR),
  },

  undo: { group: "History", keys: ["Ctrl+Z"], label: "Undo", repeats: true, run: ({ store }) => store.undo() },
  redo: {
    group: "History",
    keys: ["Ctrl+Shift+Z", "Ctrl+Y"],
    label: "Redo",
    repeats: true,
    run: ({ store }) => store.redo(),
  },

  sliceWheel: { group: "Slices", keys: ["wheel"], label: "Previous or next slice" },
  tenSlices: {
    group: "Slices",
    keys: ["PageUp", "PageDown"],
    label: "Ten slices back or on",
    repeats: true,
    run: ({ store }, key) => store.stepSlice(key === "PageUp" ? -10 : 10),
  },
  endSlices: {
    group: "Slices",
    keys: ["Home", "End"],
    label: "First or last slice",
    run: ({ store }, key) => store.stepSlice(key === "Home" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY),
  },
  axis: {
    group: "Slices",
    keys: ["A"],
    label: "Next plane: axial, coronal, sagittal",
    run: ({ store }) => store.nextPlane(),
  },
  fill: {
    group: "Slices",
    keys: ["I"],
    label: "Fill between the two nearest slices that are done",
    run: ({ store }) => store.fill(),
  },
  doubtful: {
    group: "Slices",
    keys: ["J"],
    label: "Go to the most doubtful slice",
    run: ({ store }) => store.goToDoubtful(),
  },

  next: {
    group: "Images",
    keys: ["Enter"],
    label: "Slice done, go to the next; on an image: next image; with the arrow keys' cursor: begin or end a stroke",
    run({ store, hand }) {
      if (!hand.isKeyboard()) {
        if (store.slicing()) store.finishSlice();
        else store.step(1);
      } else if (hand.live()) hand.end();
      else hand.begin(hand.position()!, hand.modifiers());
    },
  },
  nextAlways: {
    group: "Images",
    keys: ["Ctrl+Enter", "Ctrl+ArrowRight"],
    label: "Next image",
    run: ({ store }) => store.step(1),
  },
  previous: { group: "Images", keys: ["Ctrl+ArrowLeft"], label: "Previous image", run: ({ store }) => store.step(-1) },

  zoomWheel: {
    group: "View",
    keys: ["wheel", "Ctrl+wheel", "pinch"],
    label: "Zoom at the cursor; in a volume with Ctrl",
  },
  zoomIn: {
    group: "View",
    keys: ["Ctrl+ArrowUp"],
    label: "Zoom in",
    repeats: true,
    run: (page) => zoom(page, ZOOM_STEP),
  },
  zoomOut: {
    group: "View",
    keys: ["Ctrl+ArrowDown"],
    label: "Zoom out",
    repeats: true,
    run: (page) => zoom(page, 1 / ZOOM_STEP),
  },
  pan: {
    group: "View",
    keys: ["Space"],
    label: "Hold and drag to move the image; or middle drag",
    run: ({ hand }) => hand.setPanHeld(true),
    release: ({ hand }) => hand.setPanHeld(false),
  },
  fit: { group: "View", keys: ["0"], label: "Fit the image", run: fit },
  overlay: {
    group: "View",
    keys: ["V"],
    label: "Show or hide the labels",
    run: ({ store: { settings } }) => settings.setOverlayShown(!settings.isOverlayShown()),
  },
  peek: {
    group: "View",
    keys: ["H"],
    label: "Hold to see the bare image",
    run: ({ store }) => store.settings.setPeeking(true),
    release: ({ store }) => store.settings.setPeeking(false),
  },
  parts: {
    group: "View",
    keys: ["O"],
    label: "Labels as fill, outline or both",
    run: ({ store }) => store.settings.nextParts(),
  },
  window: {
    group: "View",
    keys: ["W"],
    label: "Hold and drag: sideways the window's width, up and down its level",
    run: ({ hand }) => hand.setWindowHeld(true),
    release: ({ hand }) => hand.setWindowHeld(false),
  },
  ...Object.fromEntries(
    [
      "full range; in CT soft tissue",
      "without the darkest and brightest 1 %; in CT lung",
      "what is dark; in CT bone",
      "what is bright; in CT brain",
    ].map((name, place) => [`preset${place + 1}`, presetAction(`Alt+${place + 1}`, place, `Window: ${name}`)]),
  ),
  planes: {
    group: "View",
    keys: ["T"],
    label: "Hide or show the other two planes of a volume",
    run: ({ store: { settings } }) => settings.setPlanesShown(!settings.arePlanesShown()),
  },
  panels: {
    group: "View",
    keys: ["\\"],
    label: "Hide or show the side strips",
    run: ({ store: { settings } }) => settings.setPanelsShown(!settings.arePanelsShown()),
  },

  export: {
    group: "File and help",
    keys: ["Ctrl+S"],
    label: "Export the mask",
    run: ({ store }) => void store.exportMask(),
  },
  openFiles: { group: "File and help", keys: ["Ctrl+O"], label: "Open images", run: (page) => page.chooseFiles() },
  dropFiles: {
    group: "File and help",
    keys: ["drop files"],
    label: "Open images; a mask of the open image becomes its start",
  },
  openMask: {
    group: "File and help",
    keys: ["M"],
    label: "Open a mask of this image as its start",
    run: (page) => page.chooseMask(),
  },
  sheet: {
    group: "File and help",
    keys: ["?"],
    label: "This sheet",
    run: ({ store: { settings } }) => settings.setSheetShown(!settings.isSheetShown()),
  },
} satisfies Record<string, KeyAction>;

/** The actions with what they are called in the table. */
export const actions: readonly KeyAction[] = Object.values<KeyAction>(ACTIONS);

/** A tooltip: what it does and its key. */
export function tooltipOf({ label, keys }: KeyAction): string {
  return `${label} (${keys[0]})`;
}

/** The candidate's place in the gallery, from 0. */
function placeOf(digit: string): number {
  return Number(digit) - 1;
}

function presetAction(key: string, place: number, label: string): KeyAction {
  return {
    group: "View",
    keys: [key],
    label,
    run({ store }) {
      const preset = store.openImage()?.presets[place];
      if (preset) store.settings.setWindow(preset);
    },
  };
}

function tool(key: string, name: Tool, label: string): KeyAction {
  return { group: "Tools", keys: [key], label, run: ({ store }) => void store.settings.setTool(name) };
}

function moveCursor({ store, hand }: Page, arrow: string, pixels: number): void {
  const [dx, dy] = ARROWS[arrow];
  hand.move(dx * pixels, dy * pixels, middleOf(store));
}

function middleOf({ settings }: Store): Point {
  const { width, height } = settings.screen();
  return toImage(settings.view(), [width / 2, height / 2]);
}

function resize({ store }: Page, steps: number): void {
  const sheet = store.sheet();
  if (sheet) store.settings.resize(steps, sheet);
}

function zoom({ store }: Page, factor: number): void {
  const { width, height } = store.settings.screen();
  store.zoom(factor, [width / 2, height / 2]);
}

function fit({ store }: Page): void {
  const sheet = store.sheet();
  if (sheet) store.settings.setView(fitView(sheet, store.settings.screen()));
}
