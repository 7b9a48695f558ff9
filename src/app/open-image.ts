/** One image or volume as it is open on the page: its pixels, its history, and the sheet that is worked on. */
import type { Box, Image } from "../core/index.ts";
import type { Label, MaskTarget, PlaneName, Voxel } from "../image/index.ts";
import { type Action, type Delta, INSIDE } from "../project/annotation.ts";
import { annotationOf, emptyHistory, type History, perform } from "../project/history.ts";
import { Colors } from "./label-colors.ts";
import { OpenVolume } from "./open-volume.ts";
import type { Level } from "./pyramid.ts";
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
  private readonly flat: { readonly image: Image; readonly levels: readonly Level[] } | null;
  /** Of an image, those that have been asked for, by what a label's changes name. */
  private readonly sheets = new Map<number, Sheet>();
  private readonly colors: Colors;
  /** Image pixels or voxels inside, by what a label's changes name. */
  private readonly inside = new Map<number, number>();
  /** Actions carried out since the journal's beginning, undo and redo included. */
  performed = 0;

  constructor(of: { id: string; name: string; sha256: string; labels: readonly Label[]; file: ReadFile }) {
    this.id = of.id;
    this.name = of.name;
    this.sha256 = of.sha256;
    this.colors = new Colors(of.labels);
    const { file } = of;
    this.target = file.target;
    if (file.kind === "volume") {
      const [ni, nj, nk] = file.volume.size;
      this.history = emptyHistory({ width: ni, height: nj * nk });
      this.volume = new OpenVolume(file.volume, file.scale, this.history, this.colors);
      this.flat = null;
      this.range = Math.max(1, file.scale.top);
      const { presets, first } = volumePresets(file.volume, file.scale);
      this.presets = presets;
      this.firstPreset = first;
    } else {
      const { image, levels } = file;
      this.history = emptyHistory(image);
      this.volume = null;
      this.flat = { image, levels };
      this.range = image.maximum;
      this.presets = presetsOf(levels, image.maximum);
      // 16 bits are rarely used in full: 12-bit data in the full range would be almost black.
      this.firstPreset = this.presets[image.maximum === 255 ? 0 : 1];
    }
  }

  /** @throws {ActionError} when there is no memory for one more label */
  sheetAt({ at, plane: name }: Look, label: number): Sheet {
    if (!this.volume) return this.flatSheet(label);
    const plane = this.volume.planes[name];
    return this.volume.sheetAt(plane, this.volume.sliceAt(plane, at), label);
  }

  private flatSheet(label: number): Sheet {
    const annotation = annotationOf(this.history, label);
    const { annotations } = this.history;
    const known = this.sheets.get(label);
    if (known && known.others.size === annotations.size - 1) return known;
    const others = [...annotations].flatMap(([other, annotation]) =>
      other === label ? [] : { label: other, annotation, color: this.colors.of(other) },
    );
    const { image, levels } = this.flat!;
    const sheet = sheetOf(image, annotation, { levels, color: this.colors.of(label), others });
    this.sheets.set(label, sheet);
    return sheet;
  }

  /** The project's labels have other colors. */
  recolor(labels: readonly Label[]): void {
    this.colors.set(labels);
    this.sheets.clear();
    this.volume?.recolored();
  }

  /** Pixels or voxels inside a label. */
  insideOf(label: number): number {
    return this.inside.get(label) ?? 0;
  }

  /** A change of the current sheet's pixels as it stands in the journal. */
  wholeDelta(delta: Delta): Delta {
    return this.volume ? this.volume.wholeDelta(delta) : delta;
  }

  perform(action: Action): void {
    const applied = perform(this.history, action);
    this.performed++;
    for (const { label, delta, direction } of applied)
      this.inside.set(label, this.insideOf(label) + direction * insideAdded(delta));
    if (this.volume) this.volume.changed(applied);
    else for (const { delta } of applied) this.redraw(delta);
  }

  /** What was done to one label is seen on every sheet. */
  private redraw(delta: Delta): void {
    const box = boundsOfDelta(delta, this.flat!.image.width);
    if (!box) return;
    for (const sheet of this.sheets.values())
      for (const { labels } of [sheet, ...sheet.others.values()]) labels.changed(box);
  }
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
