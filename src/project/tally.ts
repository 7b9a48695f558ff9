/** What is inside, counted slice by slice across each of a volume's axes as changes come and go; and the statistics made of it. */
import { type Label, type LabelMap, type Plane, type Volume, worldOf } from "../image/index.ts";
import { type Delta, INSIDE, SEGMENTED } from "./annotation.ts";

type Counted = Pick<Volume, "size" | "data" | "slope" | "intercept" | "toWorld">;

export class Tally {
  readonly volume: Counted;
  /** Voxels inside on each slice, across i, j and k */
  readonly areas: readonly [Int32Array, Int32Array, Int32Array];
  /** Those of them that hold a number, of which means are taken */
  private readonly counts: readonly [Int32Array, Int32Array, Int32Array];
  /** Their stored values, added up */
  private readonly sums: readonly [Float64Array, Float64Array, Float64Array];
  /** Voxels inside */
  inside = 0;

  constructor(volume: Counted) {
    this.volume = volume;
    const [ni, nj, nk] = volume.size;
    this.areas = [new Int32Array(ni), new Int32Array(nj), new Int32Array(nk)];
    this.counts = [new Int32Array(ni), new Int32Array(nj), new Int32Array(nk)];
    this.sums = [new Float64Array(ni), new Float64Array(nj), new Float64Array(nk)];
  }

  /** @param direction  1 for a change that is made, -1 for one that is taken back */
  change(delta: Delta, direction: 1 | -1): void {
    for (let run = 0; run < delta.length; run += 4) {
      const step = (direction * ((delta[run + 3] & INSIDE) - (delta[run + 2] & INSIDE))) / INSIDE;
      if (step !== 0) this.add(delta[run], delta[run + 1], step);
    }
  }

  /** Mean intensity inside, of one slice or of all; null where nothing is inside that has one. */
  mean(axis: 0 | 1 | 2, slice?: number): number | null {
    const { slope, intercept } = this.volume;
    const of = (parts: ArrayLike<number>) =>
      slice === undefined ? Array.from(parts).reduce((total, part) => total + part, 0) : parts[slice];
    const count = of(this.counts[axis]);
    return count === 0 ? null : (slope * of(this.sums[axis])) / count + intercept;
  }

  /** Volume of a voxel in ml. */
  get voxelVolume(): number {
    return voxelVolumeOf(this.volume);
  }

  private add(start: number, length: number, step: number): void {
    const { size, data } = this.volume;
    const [ni, nj] = size;
    const { areas, counts, sums } = this;
    this.inside += step * length;
    let i = start % ni;
    let j = Math.floor(start / ni) % nj;
    let k = Math.floor(start / (ni * nj));
    for (let at = start; at < start + length; at++) {
      const isNumber = Number.isFinite(data[at]);
      for (let axis = 0; axis < 3; axis++) {
        const place = axis === 0 ? i : axis === 1 ? j : k;
        areas[axis][place] += step;
        if (!isNumber) continue;
        counts[axis][place] += step;
        // What is added and taken away again leaves rounding behind, of numbers with fractions.
        sums[axis][place] = counts[axis][place] === 0 ? 0 : sums[axis][place] + step * data[at];
      }
      if (++i < ni) continue;
      i = 0;
      if (++j < nj) continue;
      j = 0;
      k++;
    }
  }
}

/** In ml. */
export function voxelVolumeOf({ toWorld }: Pick<Volume, "toWorld">): number {
  const column = (axis: number) => [0, 4, 8].map((row) => toWorld[row + axis]);
  const [[a, b, c], [d, e, f], [g, h, i]] = [column(0), column(1), column(2)];
  return Math.abs(a * (e * i - f * h) - d * (b * i - c * h) + g * (b * f - c * e)) / 1000;
}

/** What is inside one label. */
export interface LabelTally {
  readonly label: Label;
  readonly tally: Tally;
}

/** A map on the volume, counted label by label. */
export function talliesOf({ data, labels }: LabelMap, volume: Counted): LabelTally[] {
  const tallies = labels.map((label) => ({ label, tally: new Tally(volume) }));
  const byValue = new Map(tallies.map(({ label, tally }) => [label.value, tally]));
  for (let at = 0; at < data.length; ) {
    const start = at;
    while (at < data.length && data[at] === data[start]) at++;
    byValue.get(data[start])?.change([start, at - start, 0, SEGMENTED | INSIDE], 1);
  }
  return tallies;
}

/**
 * Of every slice of a plane with something inside, and of the whole: voxels, area, volume and mean intensity. With several labels each row
 * says which it is of.
 */
export function statisticsCsv(tallies: readonly LabelTally[], plane: Plane): string {
  const names = "plane,slice,position_mm,voxels,area_mm2,volume_ml,mean_intensity";
  if (tallies.length === 1) return `${[names, ...rowsOf(tallies[0].tally, plane)].join("\n")}\n`;
  const rows = tallies.flatMap(({ label: { value, name }, tally }) =>
    rowsOf(tally, plane).map((row) => `${value},${quoted(name)},${row}`),
  );
  return `${[`label,name,${names}`, ...rows].join("\n")}\n`;
}

/** As a field of CSV (RFC 4180). A name that a spreadsheet would take for a formula gets an apostrophe before it. */
export function quoted(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function rowsOf(tally: Tally, plane: Plane): string[] {
  const areas = tally.areas[plane.axis];
  const row = (name: string, slice: string, voxels: number, area: string, position: string, mean: number | null) =>
    [name, slice, position, voxels, area, (voxels * tally.voxelVolume).toFixed(6), mean?.toFixed(4) ?? ""].join(",");
  const rows = [...areas.keys()]
    .filter((slice) => areas[slice] > 0)
    .map((slice) =>
      row(
        plane.name,
        `${slice + 1}`,
        areas[slice],
        (areas[slice] * plane.pixelArea).toFixed(4),
        middleOf(tally.volume, plane, slice),
        tally.mean(plane.axis, slice),
      ),
    );
  const whole = row("whole", "", tally.inside, "", "", tally.mean(0));
  return [...rows, whole];
}

/** Position of a slice's middle along the patient's axis that counts the plane's slices, in mm. */
function middleOf({ size, toWorld }: Counted, { axis, name }: Plane, slice: number): string {
  const middle = size.map((count) => (count - 1) / 2) as [number, number, number];
  middle[axis] = slice;
  return worldOf(toWorld, middle)[{ sagittal: 0, coronal: 1, axial: 2 }[name]].toFixed(3);
}
