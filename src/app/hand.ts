/** What the annotator's hand is doing: where the pen is and the stroke or box under way, from a pointer or from the keyboard. */
import { createSignal } from "solid-js";
import type { Stroke } from "../core/index.ts";
import type { Mark } from "../project/annotation.ts";
import { boxBetween } from "./box-tool.ts";
import type { Pen, Tool } from "./settings.ts";
import type { Store } from "./store.ts";
import type { Point } from "./view.ts";

/** How a stroke begins or a cursor looks: what turns the tool into its opposite or into the eraser. */
export interface Modifiers {
  /** Right button, or a pen's barrel button. */
  readonly isOpposite: boolean;
  /** `Alt` is held. */
  readonly isInverted: boolean;
  /** `Shift` is held, or the pen is upside down. */
  readonly isErasing: boolean;
}

export interface LiveStroke {
  readonly kind: Pen;
  readonly mark: Mark;
  readonly width: number;
  readonly points: Point[];
}

/** From corner to corner, pixel centres. */
interface LiveBox {
  readonly kind: "box";
  readonly mark: "outside";
  readonly from: Point;
  readonly to: Point;
}

export const PLAIN: Modifiers = { isOpposite: false, isInverted: false, isErasing: false };

/** Points nearer to the last one than this share of the pen's width add nothing that can be seen. */
const THINNING = 1 / 12;
/** The journal keeps hundredths of a pixel. */
const rounded = (value: number) => Math.round(value * 100) / 100;

export function createHand(store: Store) {
  const { settings } = store;
  const [position, setPosition] = createSignal<Point | null>(null);
  const [modifiers, setModifiers] = createSignal<Modifiers>(PLAIN);
  const [isKeyboard, setKeyboard] = createSignal(false);
  const [isPanHeld, setPanHeld] = createSignal(false);
  const [isWindowHeld, setWindowHeld] = createSignal(false);
  // One object that grows with the stroke; the signal fires although it stays the same.
  const [live, setLive] = createSignal<LiveStroke | LiveBox | null>(null, { equals: false });

  /** What a stroke or box that begins like this would do. */
  function intent({ isOpposite, isInverted, isErasing }: Modifiers): { kind: Tool; mark: Mark } {
    const kind = isErasing ? "erase" : settings.tool();
    // A box has no opposite: it closes what lies beyond it.
    if (kind === "box") return { kind, mark: "outside" };
    const away = (isOpposite !== isInverted) !== settings.isSwapped();
    if (kind === "erase") return { kind, mark: away ? "undecided" : "outside" };
    return { kind, mark: away ? "outside" : "inside" };
  }

  function begin(at: Point, how: Modifiers): void {
    if (store.isReadOnly() || !store.openImage()) return;
    const { kind, mark } = intent(how);
    if (kind !== "box") setLive({ kind, mark, width: settings.width(), points: [[rounded(at[0]), rounded(at[1])]] });
    else if (!how.isOpposite) setLive({ kind, mark: "outside", from: at, to: at });
  }

  function extend(points: readonly Point[]): void {
    const stroke = live();
    if (!stroke) return;
    if (stroke.kind === "box") {
      setLive({ ...stroke, to: points[points.length - 1] });
      return;
    }
    const nearest = Math.max(0.25, stroke.width * THINNING);
    for (const [x, y] of points) {
      const [lastX, lastY] = stroke.points[stroke.points.length - 1];
      if (Math.hypot(x - lastX, y - lastY) >= nearest) stroke.points.push([rounded(x), rounded(y)]);
    }
    setLive(stroke);
  }

  function end(): void {
    const stroke = live();
    const sheet = store.sheet();
    setLive(null);
    if (!stroke || !sheet) return;
    if (stroke.kind === "box") {
      store.drawBox(boxBetween(stroke.from, stroke.to, sheet));
      return;
    }
    const drawn: Stroke = { points: stroke.points, width: stroke.width };
    store.stroke(stroke.kind, stroke.mark, drawn);
  }

  /** Moves the keyboard's cursor; it starts in the middle of what is on the screen. */
  function move(dx: number, dy: number, middle: Point): void {
    const sheet = store.sheet();
    if (!sheet) return;
    setKeyboard(true);
    const [x, y] = position() ?? middle;
    const clamp = (value: number, size: number) => Math.min(size - 1, Math.max(0, Math.round(value)));
    const next: Point = [clamp(x + dx, sheet.width), clamp(y + dy, sheet.height)];
    setPosition(next);
    extend([next]);
  }

  return {
    /** Image position of the pen, pixel centres; null when it is away. */
    position,
    /** The pen is moved by the arrow keys. */
    isKeyboard,
    modifiers,
    setModifiers,
    isPanHeld,
    setPanHeld,
    isWindowHeld,
    setWindowHeld,
    live,
    intent,
    begin,
    extend,
    end,
    cancel: () => setLive(null),
    hover(at: Point | null) {
      setKeyboard(false);
      setPosition(at);
    },
    move,
  };
}

export type Hand = ReturnType<typeof createHand>;
