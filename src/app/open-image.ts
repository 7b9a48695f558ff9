/** One image as it is open on the page: its pixels, its history, its way to the disk, and what draws its labels. */
import type { Box, Image } from "../core/index.ts";
import {
  type Action,
  BY_HAND,
  type Change,
  type Delta,
  emptyHistory,
  type History,
  INSIDE,
  perform,
  SEGMENTED,
} from "../project/annotation.ts";
import { MaskTiles } from "./mask-tiles.ts";
import type { Level } from "./pyramid.ts";
import { LABEL_STYLE } from "./styles.ts";
import { type Preset, presetsOf } from "./window-level.ts";

export class OpenImage {
  readonly id: string;
  readonly name: string;
  readonly sha256: string;
  readonly image: Image;
  readonly levels: readonly Level[];
  readonly presets: readonly Preset[];
  readonly history: History;
  readonly labels: MaskTiles;
  /** Actions carried out since the journal's beginning, undo and redo included. */
  performed = 0;
  /** Image pixels inside. */
  inside = 0;

  constructor(of: { id: string; name: string; sha256: string; image: Image; levels: readonly Level[] }) {
    this.id = of.id;
    this.name = of.name;
    this.sha256 = of.sha256;
    this.image = of.image;
    this.levels = of.levels;
    this.presets = presetsOf(of.levels, of.image.maximum);
    this.history = emptyHistory(of.image);
    const { width, data } = this.history.annotation;
    this.labels = new MaskTiles(
      of.image,
      (x, y) => {
        const value = data[y * width + x];
        if (value & INSIDE) return 1;
        return value & BY_HAND ? 2 : value & SEGMENTED ? 4 : 0;
      },
      LABEL_STYLE,
    );
  }

  perform(action: Action): void {
    const change = changeOf(this.history, action);
    perform(this.history, action);
    this.performed++;
    if (!change) return;
    const added = insideAdded(change.delta);
    this.inside += action.kind === "undo" ? -added : added;
    const box = boundsOfDelta(change.delta, this.image.width);
    if (box) this.labels.changed(box);
  }
}

/** The change that an action makes, takes back, or makes again; none for an undo with nothing to undo. */
function changeOf(history: History, action: Action): Change | undefined {
  if (action.kind === "undo") return history.done[history.done.length - 1];
  if (action.kind === "redo") return history.undone[history.undone.length - 1];
  return action;
}

function insideAdded(delta: Delta): number {
  let added = 0;
  for (let i = 0; i < delta.length; i += 4)
    added += delta[i + 1] * (((delta[i + 3] & INSIDE) - (delta[i + 2] & INSIDE)) / INSIDE);
  return added;
}

/** @param width  of the image; a run may go on in the next row */
export function boundsOfDelta(delta: Delta, width: number): Box | null {
  if (delta.length === 0) return null;
  let [left, right] = [width, 0];
  for (let i = 0; i < delta.length; i += 4) {
    const [start, length] = [delta[i], delta[i + 1]];
    const x = start % width;
    const wraps = x + length > width;
    left = Math.min(left, wraps ? 0 : x);
    right = Math.max(right, wraps ? width : x + length);
  }
  const top = Math.floor(delta[0] / width);
  const last = delta.length - 4;
  const bottom = Math.floor((delta[last] + delta[last + 1] - 1) / width) + 1;
  return { x: left, y: top, width: right - left, height: bottom - top };
}
