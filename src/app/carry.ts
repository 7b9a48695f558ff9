/** One slice's mask for the next: as it is, to be taken, and what is likely of it there, for the model to begin from. */
import { boundsOf, crop, depthIn, distanceTo, type Mask } from "../core/index.ts";
import { type Annotation, BY_HAND, changeOfInside, ELSEWHERE, INSIDE, SEGMENTED } from "../project/annotation.ts";
import type { OfferedCandidate } from "./worker-messages.ts";

/** What lies at least so deep in the mask is inside on the next slice too, most likely; share of the deepest. */
const CORE_DEPTH = 0.4;
/** And what lies at least so far from it is outside; share of the deepest, and pixels. */
const MARGIN = 0.5;
const LEAST_MARGIN = 3;

/** @returns null when the mask is empty */
export function carriedCandidate(mask: Mask, annotation: Annotation): OfferedCandidate | null {
  const box = boundsOf(mask.data, mask);
  if (!box) return null;
  const inside = crop(mask.data, mask, box);
  const partial = { width: box.width, height: box.height, partialness: inside, segmentation: inside };
  const change = changeOfInside(annotation, { partial, box });
  return { box, partial, support: 1, added: { inside: change.gained, outside: 0 }, change, isCarried: true };
}

/** The annotation with what is likely of a neighbour's mask, not empty, added; a copy. */
export function startedFrom(mask: Mask, { data }: Annotation): Uint8Array {
  const depth = depthIn(mask.data, mask);
  const away = distanceTo(mask.data, mask);
  const deepest = depth.reduce((most, value) => Math.max(most, value), 0);
  const margin = Math.max(LEAST_MARGIN, MARGIN * deepest);
  return data.map((value, i) => {
    if (value & (BY_HAND | ELSEWHERE)) return value;
    if (depth[i] > 0 && depth[i] >= CORE_DEPTH * deepest) return SEGMENTED | INSIDE;
    return value === 0 && away[i] >= margin ? SEGMENTED : value;
  });
}

/** A candidate that was made from there, as one that decides what is inside alone: what was added to begin from is not taken with it. */
export function insideOnly(candidate: OfferedCandidate, annotation: Annotation): OfferedCandidate {
  const { segmentation } = candidate.partial;
  const partial = { ...candidate.partial, partialness: segmentation };
  const change = changeOfInside(annotation, { partial, box: candidate.box });
  return { ...candidate, partial, added: { inside: change.gained, outside: 0 }, change };
}
