/**
 * An existing mask as the start of the work on an image: what one of its labels covers is decided to be inside, as by a candidate that is taken. The rest stays as it
 * was: undecided, so that it can grow, and by hand what is by hand.
 */
import type { Label, LabelMap } from "../image/index.ts";
import { DELTA_LIMIT } from "./action-schema.ts";
import {
  type Annotation,
  BY_HAND,
  type Change,
  deltaOf,
  ELSEWHERE_BY_HAND,
  FIRST,
  type ImportedMask,
  INSIDE,
  named,
  OWN,
  SEGMENTED,
} from "./annotation.ts";
import { ActionError } from "./errors.ts";

/** A label that occurs in a mask. */
export interface OccurringLabel extends Label {
  readonly voxels: number;
}

export function occurringLabels({ data, labels }: LabelMap): OccurringLabel[] {
  const counts = new Uint32Array(65_536);
  for (const value of data) counts[value]++;
  return labels.filter(({ value }) => counts[value] > 0).map((label) => ({ ...label, voxels: counts[label.value] }));
}

/** What an import did. */
export interface Imported {
  readonly change: Change;
  /** Pixels or voxels that are inside now and were not before. */
  readonly gained: number;
  /** Those of the label that were marked by hand as outside or as another label, and stay so. */
  readonly byHand: number;
}

/** What was done, for a person. @param what  the label and its file: "1 (liver) of a.nii.gz" */
export function importSentence(what: string, { gained, byHand }: Imported, unit: "pixels" | "voxels"): string {
  const kept = byHand > 0 ? ` Left as they are, since they are by hand outside: ${byHand.toLocaleString("en")}.` : "";
  if (gained === 0) return `Nothing to add: what label ${what} covers is inside already, or by hand.${kept}`;
  return `Imported label ${what}. Added ${unit}: ${gained.toLocaleString("en")}.${kept}`;
}

/** Labels of a mask with what they are in the project: the label of their name, or of their value where the file gives them no name; else nothing. */
export function matchLabels<Listed extends Pick<Label, "value" | "name">>(
  found: readonly OccurringLabel[],
  labels: readonly Listed[],
): { readonly mask: OccurringLabel; readonly isNamed: boolean; readonly label: Listed | undefined }[] {
  return found.map((mask) => {
    const isNamed = mask.name !== `Label ${mask.value}`;
    const byName = labels.find(({ name }) => name.toLowerCase() === mask.name.toLowerCase());
    return { mask, isNamed, label: byName ?? (isNamed ? undefined : labels.find(({ value }) => value === mask.value)) };
  });
}

/**
 * @param data    the annotation of the label that it becomes
 * @param map     on the annotation's grid
 * @param mask    names the map and the label of it that is wanted
 * @param label   what the change names
 * @returns       its delta is empty when there is nothing to add
 * @throws {ActionError} when the mask is in more pieces than the journal takes as one change
 */
export function importMask({ data }: Annotation, map: LabelMap, mask: ImportedMask, label = FIRST): Imported {
  let [gained, byHand] = [0, 0];
  const delta = deltaOf(data, (pixel, before) => {
    if (map.data[pixel] !== mask.label) return before & OWN;
    if (before & (BY_HAND | ELSEWHERE_BY_HAND)) {
      if ((before & INSIDE) === 0) byHand++;
      return before & OWN;
    }
    if ((before & INSIDE) === 0) gained++;
    return SEGMENTED | INSIDE;
  });
  if (delta.length > DELTA_LIMIT)
    throw new ActionError(
      `The mask is in ${(delta.length / 4).toLocaleString("en")} pieces along the rows, and ${(DELTA_LIMIT / 4).toLocaleString("en")} are the limit. Is it noise? Smooth it first.`,
    );
  return { change: { kind: "import", mask, ...named(label), delta }, gained, byHand };
}
