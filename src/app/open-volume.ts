/** A volume as it is open on the page: its planes, its labels, and the slice that is worked on. */
import type { Image } from "../core/index.ts";
import {
  type GrayScale,
  PLANE_NAMES,
  type Plane,
  type PlaneName,
  pixelOf,
  planesOf,
  sliceImage,
  spacingOf,
  type Volume,
  type Voxel,
} from "../image/index.ts";
import { type Delta, joinDeltas, type SlicePlace } from "../project/annotation.ts";
import { type Applied, annotationOf, type History } from "../project/history.ts";
import { readSlice, volumeIndexOf } from "../project/slice-labels.ts";
import { voxelVolumeOf } from "../project/tally.ts";
import type { Colors } from "./label-colors.ts";
import { type Level, lazyPyramid } from "./pyramid.ts";
import { follow, type Sheet, sheetOf } from "./sheet.ts";
import { type Touched, untouched, VolumeLabel } from "./volume-label.ts";

/** Distance of slices from which on they count as taken so, in distances of axial ones. */
const THICK = 1.5;

/** What is on the screen of the slice that is worked on. */
interface Current {
  readonly plane: Plane;
  readonly slice: number;
  readonly image: Image;
  readonly levels: readonly Level[];
  /** Whose sheet it is; null where that has to be made anew. */
  shown: { readonly label: number; readonly sheet: Sheet } | null;
}

export class OpenVolume {
  readonly volume: Volume;
  readonly scale: GrayScale;
  readonly planes: Readonly<Record<PlaneName, Plane>>;
  private readonly history: History;
  private readonly colors: Colors;
  private readonly labels = new Map<number, VolumeLabel>();
  private readonly touched: Touched;
  private current: Current | null = null;

  constructor(volume: Volume, scale: GrayScale, history: History, colors: Colors) {
    this.volume = volume;
    this.scale = scale;
    this.planes = planesOf(volume);
    this.history = history;
    this.colors = colors;
    this.touched = untouched(volume.size);
  }

  /** @throws {ActionError} when there is no memory for one more label */
  of(label: number): VolumeLabel {
    const known = this.labels.get(label);
    if (known) return known;
    const made = new VolumeLabel(label, this.volume, annotationOf(this.history, label), this.touched);
    this.labels.set(label, made);
    // The other labels' sheets have one more beside them.
    this.recolored();
    return made;
  }

  /** The labels that have been worked on, by what their changes name. */
  get worked(): ReadonlyMap<number, VolumeLabel> {
    return this.labels;
  }

  /** The planes that are looked at: of a single slice the two others are lines. */
  get shownPlanes(): readonly PlaneName[] {
    const areas = PLANE_NAMES.filter((name) => this.planes[name].width > 1 && this.planes[name].height > 1);
    return areas.length > 0 ? areas : PLANE_NAMES;
  }

  /** Axial, but for slices that were taken across another axis and lie clearly farther apart than their pixels. */
  get firstPlane(): PlaneName {
    const shown = this.shownPlanes;
    const spacing = spacingOf(this.volume);
    const between = (name: PlaneName) => spacing[this.planes[name].axis];
    const first = shown.includes("axial") ? "axial" : shown[0];
    const thickest = shown.reduce((most, name) => (between(name) > between(most) ? name : most), first);
    return between(thickest) >= THICK * between(first) ? thickest : first;
  }

  /** The sheet of a slice, for a label; the same one until another is asked for. */
  sheetAt(plane: Plane, slice: number, label: number): Sheet {
    const own = this.of(label);
    const current = this.currentAt(plane, slice);
    if (current.shown?.label === label) return current.shown.sheet;
    release(current);
    const sheet = sheetOf(current.image, own.on(plane, slice), {
      ...{ aspect: plane.aspect, place: { axis: plane.axis, index: slice }, levels: current.levels },
      color: this.colors.of(label),
      others: [...this.labels].flatMap(([other, work]) =>
        other === label ? [] : { label: other, annotation: work.on(plane, slice), color: this.colors.of(other) },
      ),
    });
    current.shown = { label, sheet };
    return sheet;
  }

  /** The picture of the slice is the same for every label, and what was learned of it too. */
  private currentAt(plane: Plane, slice: number): Current {
    if (this.current?.plane === plane && this.current.slice === slice) return this.current;
    if (this.current) release(this.current);
    const image = sliceImage(this.volume, this.scale, plane, slice);
    this.current = { plane, slice, image, levels: lazyPyramid(image), shown: null };
    return this.current;
  }

  /** Labels have other colors, or there are more of them. */
  recolored(): void {
    if (this.current) release(this.current);
  }

  planeAcross(axis: SlicePlace["axis"]): Plane {
    return Object.values(this.planes).find((plane) => plane.axis === axis)!;
  }

  /** A change of the current sheet's pixels as one of the volume's. */
  wholeDelta(delta: Delta): Delta {
    const { plane, slice } = this.current!;
    return joinDeltas([{ delta, volumeIndex: volumeIndexOf(this.volume.size, plane, slice) }]);
  }

  /** The annotations have changed. */
  changed(applied: readonly Applied[]): void {
    for (const { label, delta, direction } of applied) this.of(label).changed(delta, direction);
    if (!this.current?.shown) return;
    const { plane, slice, shown } = this.current;
    const { label, sheet } = shown;
    const now = new Uint8Array(sheet.annotation.data.length);
    for (const [key, layer] of [[label, sheet] as const, ...sheet.others]) {
      readSlice(this.of(key).annotation.data, this.volume.size, plane, slice, now);
      follow(layer, now);
    }
  }

  /** Of a voxel, in ml. */
  get voxelVolume(): number {
    return voxelVolumeOf(this.volume);
  }

  /** The color that a label is drawn in. */
  colorOf(label: number): string {
    return this.colors.of(label);
  }

  /** Intensity in a voxel, in the file's unit. */
  intensityAt([i, j, k]: Voxel): number {
    const { size, data, slope, intercept } = this.volume;
    return slope * data[i + size[0] * (j + size[1] * k)] + intercept;
  }

  get middle(): Voxel {
    const [ni, nj, nk] = this.volume.size;
    return [ni >> 1, nj >> 1, nk >> 1];
  }

  /** The nearest voxel. */
  clamp(voxel: Voxel): Voxel {
    const { size } = this.volume;
    const at = (axis: number) => Math.min(size[axis] - 1, Math.max(0, Math.round(voxel[axis])));
    return [at(0), at(1), at(2)];
  }

  sliceAt(plane: Plane, at: Voxel): number {
    return pixelOf(plane, at).slice;
  }
}

/** What was made to draw a sheet is given back. */
function release(current: Current): void {
  const { sheet } = current.shown ?? {};
  sheet?.labels.release();
  for (const { labels } of sheet?.others.values() ?? []) labels.release();
  current.shown = null;
}
