/**
 * The stacks of a study: files by series, and of each series the frames that make one volume. A series is more than one stack where sizes, directions or kinds of
 * pixels differ, or where several images lie at each place (time, echoes, diffusion).
 */
import { byTime, heightOf, places, plural } from "./dicom-geometry.ts";
import type { Frame, Instance } from "./dicom-instance.ts";

/** Cosines that differ by rounding only. */
const SAME_DIRECTION = 1e-4;
/** Share of a spacing. */
const SAME_SPACING = 1e-3;

export interface Stack {
  /** Series number and description, or what there is of them; the same for all stacks of a series but for " (1 of 2)" */
  readonly label: string;
  readonly frames: readonly Frame[];
  readonly notes: readonly string[];
}

export function stacksOf(instances: readonly Instance[]): Stack[] {
  const series = new Map<string, Instance[]>();
  for (const instance of instances) {
    // A file that names no series is one of its own.
    const uid = instance.seriesUid || `file ${series.size}`;
    const others = series.get(uid);
    if (others) others.push(instance);
    else series.set(uid, [instance]);
  }
  return [...series.values()].flatMap(stacksOfSeries);
}

function stacksOfSeries(instances: readonly Instance[]): Stack[] {
  const notes: string[] = [];
  const unique = withoutCopies(instances, notes);
  const alike: Frame[][] = [];
  for (const frame of unique.flatMap(({ frames }) => frames)) {
    const group = alike.find(([first]) => isAlike(first, frame));
    if (group) group.push(frame);
    else alike.push([frame]);
  }
  if (alike.length > 1) notes.push(mixedNote(alike));
  const stacks = alike.flatMap(stacksAtPlaces);
  const name = labelOf(instances[0]);
  return stacks.map((stack, i) => ({
    label: stacks.length > 1 ? `${name} (${i + 1} of ${stacks.length})` : name,
    frames: stack.frames,
    notes: [...notes, ...stack.notes],
  }));
}

function withoutCopies(instances: readonly Instance[], notes: string[]): Instance[] {
  const byUid = new Map(instances.map((instance, i) => [instance.sopInstanceUid || `file ${i}`, instance]));
  const copies = instances.length - byUid.size;
  if (copies > 0)
    notes.push(`${plural(copies, "file is a copy of another and is", "files are copies of others and are")} left out.`);
  return [...byUid.values()];
}

function isAlike(a: Frame, b: Frame): boolean {
  const [one, other] = [a.instance, b.instance];
  if (one.rows !== other.rows || one.columns !== other.columns) return false;
  if (one !== other && !isSameKind(one, other)) return false;
  const [here, there] = [a.geometry, b.geometry];
  const hasPlace = here.position !== null;
  if (hasPlace !== (there.position !== null)) return false;
  // Without places a film is a stack by itself; single images of a series are one.
  if (!hasPlace && one !== other && (one.frames.length > 1 || other.frames.length > 1)) return false;
  return (
    isClose(here.orientation, there.orientation, () => SAME_DIRECTION) &&
    here.spacingFrom === there.spacingFrom &&
    isClose(here.spacing, there.spacing, (value) => SAME_SPACING * value)
  );
}

function isSameKind({ kind: a }: Instance, { kind: b }: Instance): boolean {
  return (
    a.photometric === b.photometric &&
    a.samples === b.samples &&
    a.bitsAllocated === b.bitsAllocated &&
    a.bitsStored === b.bitsStored &&
    a.isSigned === b.isSigned &&
    a.table?.bits === b.table?.bits
  );
}

function isClose(
  a: readonly number[] | null,
  b: readonly number[] | null,
  tolerance: (value: number) => number,
): boolean {
  if (!a || !b) return a === b;
  return a.every((value, i) => Math.abs(value - b[i]) <= tolerance(value));
}

function mixedNote(groups: readonly Frame[][]): string {
  const all = groups.reduce((sum, { length }) => sum + length, 0);
  const names = groups
    .slice(0, 4)
    .map(([{ instance }, ...rest]) => `${instance.columns} x ${instance.rows} (${rest.length + 1})`);
  const more = groups.length > names.length ? `, and ${groups.length - names.length} more` : "";
  return `The ${all} images of this series differ in size, direction or kind. They are ${groups.length} stacks: ${names.join(", ")}${more}.`;
}

/** Where several frames lie at each place, the first of each is one stack, the second of each another. */
function stacksAtPlaces(frames: readonly Frame[]): Omit<Stack, "label">[] {
  if (heightOf(frames[0].geometry) === null) return [{ frames: [...frames].sort(byTime), notes: [] }];
  const groups = places(frames);
  // All at one place: a film, paged through in time.
  if (groups.length === 1) return [{ frames: groups[0], notes: [] }];
  const most = Math.max(...groups.map(({ length }) => length));
  const notes =
    most === 1
      ? []
      : [`Up to ${most} images lie at the same place (times, echoes or weightings). Each is a stack of its own.`];
  return Array.from({ length: most }, (_, time) => ({
    frames: groups.flatMap((group) => (group[time] ? [group[time]] : [])),
    notes,
  }));
}

function labelOf({ seriesNumber, seriesDescription, modality }: Instance): string {
  const name = seriesDescription ?? modality ?? "Images";
  return seriesNumber === null ? name : `${seriesNumber}: ${name}`;
}
