/** One image or volume as it is open on the page: its pixels, its history, and the sheet that is worked on. */
import type { Box } from "../core/index.ts";
import type { MaskTarget, PlaneName, Voxel } from "../image/index.ts";
import {
  type Action,
  type Change,
  type Delta,
  emptyHistory,
  type History,
  INSIDE,
  perform,
} from "../project/annotation.ts";
import { OpenVolume } from "./open-volume.ts";
import type { ReadFile } from "./reader.ts";
import { type Sheet, sheetOf } from "./sheet.ts";
import { volumePresets } from "./volume-window.ts";
import { type Preset, presetsOf } from "./window-level.ts";

/** Where a volume is looked at: a voxel, and the plane through it that is worked on. */
export interface Look {
  readonly at: Voxel;
  readonly plane: PlaneName;
}

export class OpenImage {
  readonly id: string;
  readonly name: string;
  readonly sha256: string;
  readonly presets: readonly Preset[];
  /** What it is first seen through. */
  readonly firstPreset: Preset;
  /** Largest value of its pixels, or that they could have. */
  readonly range: number;
  readonly history: History;
  /** What a mask must lie on. */
  readonly target: MaskTarget;
  /** Null for an image. */
  readonly volume: OpenVolume | null;
  /** Null for a volume, whose sheets are its slices. */
  private readonly flat: Sheet | null;
  /** Actions carried out since the journal's beginning, undo and redo included. */
  performed = 0;
  /** Image pixels or voxels inside. */
  inside = 0;

  constructor(of: { id: string; name: string; sha256: string; file: ReadFile }) {
    this.id = of.id;
    this.name = of.name;
    this.sha256 = of.sha256;
    const { file } = of;
    this.target = file.target;
    if (file.kind === "volume") {
      const [ni, nj, nk] = file.volume.size;
      this.history = emptyHistory({ width: ni, height: nj * nk });
      this.volume = new OpenVolume(file.volume, file.scale, this.history.annotation);
      this.flat = null;
      this.range = Math.max(1, file.scale.top);
      const { presets, first } = volumePresets(file.volume, file.scale);
      this.presets = presets;
      this.firstPreset = first;
    } else {
      const { image, levels } = file;
      this.history = emptyHistory(image);
      this.volume = null;
      this.flat = sheetOf(image, this.history.annotation, { levels });
      this.range = image.maximum;
      this.presets = presetsOf(levels, image.maximum);
      // 16 bits are rarely used in full: 12-bit data in the full range would be almost black.
      this.firstPreset = this.presets[image.maximum === 255 ? 0 : 1];
    }
  }

  sheetAt({ at, plane: name }: Look): Sheet {
    if (!this.volume) return this.flat!;
    const plane = this.volume.planes[name];
    return this.volume.sheetAt(plane, this.volume.sliceAt(plane, at));
  }

  /** A change of the current sheet's pixels as it stands in the journal. */
  wholeDelta(delta: Delta): Delta {
    return this.volume ? this.volume.wholeDelta(delta) : delta;
  }

  perform(action: Action): void {
    const change = changeOf(this.history, action);
    perform(this.history, action);
    this.performed++;
    if (!change) return;
    const direction = action.kind === "undo" ? -1 : 1;
    this.inside += direction * insideAdded(change.delta);
    if (this.volume) this.volume.changed(change.delta, direction);
    else {
      const box = boundsOfDelta(change.delta, this.flat!.width);
      if (box) this.flat!.labels.changed(box);
    }
  }
}

/** The change that an action makes, takes back, or makes again; none for an undo with nothing to undo. */
export function changeOf(history: History, action: Action): Change | undefined {
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
