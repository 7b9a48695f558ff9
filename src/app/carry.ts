/** One slice's mask for the next: as it is, to be taken, and its core, for the model to begin from. */
import { boundsOf, crop, depthIn, type Mask } from "../core/index.ts";
import { type Annotation, BY_HAND, changeOfInside, INSIDE, SEGMENTED } from "../project/annotation.ts";
import type { OfferedCandidate } from "./worker-messages.ts";

/** The core is what lies at least so deep in the mask, share of the deepest: what is inside on the next slice as well, most likely. */
const CORE_DEPTH = 0.4;

/** @returns null when the mask is empty */
export function carriedCandidate(mask: Mask, annotation: Annotation): OfferedCandidate | null {
  const box = boundsOf(mask.data, mask);
  if (!box) return null;
  const inside = crop(mask.data, mask, box);
  const partial = { width: box.width, height: box.height, partialness: inside, segmentation: inside };
  const change = changeOfInside(annotation, { partial, box });
  return { box, partial, support: 1, added: { inside: change.gained, outside: 0 }, change, isCarried: true };
}

/** The annotation as it would be with the mask's core taken; a copy. */
export function coreOf(mask: Mask, { data }: Annotation): Uint8Array {
  const depth = depthIn(mask.data, mask);
  const deepest = depth.reduce((most, value) => Math.max(most, value), 0);
  return data.map((value, i) =>
    !(value & BY_HAND) && depth[i] > 0 && depth[i] >= CORE_DEPTH * deepest ? SEGMENTED | INSIDE : value,
  );
}
