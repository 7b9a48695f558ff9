/** What the hand does to the annotation: strokes, boxes, undo and redo. */
import type { Box, Stroke } from "../core/index.ts";
import { toText } from "../project/action-text.ts";
import { type Action, type Change, labelOf, type Mark, named, strokeDelta } from "../project/annotation.ts";
import { boxDelta, closedAcross, insideBeyond, LEAST_SIDE } from "../project/box.ts";
import type { Message } from "./message.ts";
import type { OpenImage } from "./open-image.ts";
import { placeOn, type Sheet } from "./sheet.ts";
import { CHANGE_LIMIT } from "./sync.ts";

/** What of the page's state this needs. */
export interface ChangePorts {
  openImage(): OpenImage | null;
  sheet(): Sheet | null;
  /** What changes of the label that is worked on name. */
  label(): number;
  isReadOnly(): boolean;
  act(action: Action): void;
  ask(): Promise<void>;
  closeOffer(): void;
  /** Works on the label of a change. @returns false when it cannot be */
  goToLabel(opened: OpenImage, label: number): boolean;
  /** Shows the slice of a change. */
  goToChange(change: Change): void;
  moveCrosshair(drawn: Stroke): void;
  announce(text: string): void;
  setMessage(message: Message | null): void;
}

export function createChangeWork({ openImage, sheet, label, isReadOnly, act, ...ports }: ChangePorts) {
  const { ask, closeOffer, goToLabel, goToChange, moveCrosshair, announce, setMessage } = ports;

  function stroke(kind: "scribble" | "brush" | "erase", mark: Mark, drawn: Stroke): void {
    const opened = openImage();
    const shown = sheet();
    if (!opened || !shown || isReadOnly()) return;
    const delta = opened.wholeDelta(strokeDelta(shown.annotation, drawn, mark));
    const change: Change = { kind, mark, stroke: drawn, ...placeOn(shown), ...named(label()), delta };
    closeOffer();
    setMessage(null);
    if (change.delta.length > 0 || kind === "scribble") act({ ...change, at: Date.now() });
    moveCrosshair(drawn);
    if (kind === "scribble") void ask();
  }

  /** @param box  on the sheet */
  function drawBox(box: Box): void {
    const opened = openImage();
    const shown = sheet();
    if (!opened || !shown || isReadOnly()) return;
    const { x, y, width, height } = box;
    if (Math.min(width, height) < LEAST_SIDE) {
      tell(
        "Nothing is marked. Hold the button and drag the box from one corner to the other, around the whole object.",
      );
      return;
    }
    const delta = opened.wholeDelta(boxDelta(shown.annotation, box, closedOn(opened, shown, label())));
    const change: Change = { kind: "box", box, ...placeOn(shown), ...named(label()), delta };
    if (JSON.stringify(toText(change)).length > CHANGE_LIMIT) {
      tell("Nothing is marked: all beyond the box is in more pieces along the file's rows than a change may have.");
      return;
    }
    closeOffer();
    const kept = insideBeyond(shown.annotation, box);
    setMessage(kept === 0 ? null : { tone: "note", text: keptWords(kept) });
    act({ ...change, at: Date.now() });
    announce(`A box of ${width} by ${height} pixels.`);
    moveCrosshair({ points: [[x + (width - 1) / 2, y + (height - 1) / 2]], width: 1 });
    void ask();
  }

  function tell(text: string): void {
    setMessage({ tone: "note", text });
    announce(text);
  }

  function stepBack(kind: "undo" | "redo"): void {
    const opened = openImage();
    const stack = kind === "undo" ? opened?.history.done : opened?.history.undone;
    if (!opened || !stack || isReadOnly()) return;
    const change = stack[stack.length - 1];
    if (!change) {
      setMessage({ tone: "note", text: kind === "undo" ? "Nothing to undo." : "Nothing to redo." });
      return;
    }
    closeOffer();
    setMessage(null);
    // What comes and goes is seen, of whichever label and on whichever slice it is.
    if (!goToLabel(opened, labelOf(change))) return;
    goToChange(change);
    act({ kind, at: Date.now() });
    announce(`${kind === "undo" ? "Undid" : "Redid"} ${nameOf(change)}.`);
  }

  return { stroke, drawBox, undo: () => stepBack("undo"), redo: () => stepBack("redo") };
}

/** Which pixels of a slice boxes across other planes close as well. */
function closedOn({ history, volume }: OpenImage, { place }: Sheet, label: number) {
  if (!volume || !place) return undefined;
  const own = history.done.filter((change) => labelOf(change) === label);
  return closedAcross(own, Object.values(volume.planes), volume.planeAcross(place.axis), place.index);
}

function keptWords(count: number): string {
  const pixels = count === 1 ? "1 pixel beyond the box is" : `${count.toLocaleString("en")} pixels beyond the box are`;
  return `${pixels} inside already and stay so. Erase what is wrong (E).`;
}

function nameOf(change: Change): string {
  const names = {
    scribble: "a scribble",
    box: "a box",
    brush: "a brush stroke",
    erase: "an eraser stroke",
    take: "a candidate",
    carry: "a mask of another slice",
    fill: "filling between slices",
    import: "the opened mask",
    done: "that a slice is done",
  };
  return names[change.kind];
}
