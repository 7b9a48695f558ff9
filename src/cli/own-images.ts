/** Annotated images and volumes as training takes them: each image, and of each volume the slices that were worked on. */
import { grayScaleOf, type Label, type Plane, planesOf, sliceImage, type Volume } from "../image/index.ts";
import { sliceOf, workedSlices } from "../project/index.ts";
import { evenly, type OwnImage } from "../train/index.ts";
import type { Annotated } from "./annotated.ts";

/** Slices of one volume for one label, evenly spaced: neighbours are alike. */
const MOST_SLICES = 24;

/** @param set  what kind of image they are; @param number  tells images of the same name apart */
export function* ownImagesOf(one: Annotated, set: string, number: number): Generator<OwnImage> {
  const { source, labels } = one;
  const name = `${number}-${one.name}`;
  if ("size" in source) yield* slicesOf(one, source, set, name);
  else
    yield {
      ...{ dataset: set, name, image: source },
      masks: labels.labels.map((label) => maskOf(labels.data, label)),
    };
}

/** A slice of each plane in which a label was worked on, with the masks of all labels that were worked on there. */
function* slicesOf({ labels, changes }: Annotated, volume: Volume, set: string, name: string): Generator<OwnImage> {
  const planes = planesOf(volume);
  const scale = grayScaleOf(volume);
  const worked = new Map<Plane, Map<number, Label[]>>();
  for (const label of labels.labels) {
    const { plane, slices } = workedSlices(changes.get(label.value) ?? [], Object.values(planes)) ?? {
      plane: planes.axial,
      slices: [...Array(planes.axial.count).keys()],
    };
    const filled = slices.filter((slice) => sliceOf(labels.data, volume.size, plane, slice).data.includes(label.value));
    const bySlice = worked.get(plane) ?? new Map<number, Label[]>();
    worked.set(plane, bySlice);
    for (const slice of evenly(filled, MOST_SLICES)) bySlice.set(slice, [...(bySlice.get(slice) ?? []), label]);
  }
  for (const [plane, bySlice] of worked)
    for (const [slice, ofSlice] of bySlice) {
      const { data } = sliceOf(labels.data, volume.size, plane, slice);
      yield {
        ...{ dataset: set, name: `${name}-${plane.name}-${slice}`, image: sliceImage(volume, scale, plane, slice) },
        masks: ofSlice.map((label) => maskOf(data, label)),
      };
    }
}

function maskOf(values: ArrayLike<number>, { name, value }: Label): OwnImage["masks"][number] {
  return { structure: name, inside: Uint8Array.from(values, (each) => Number(each === value)) };
}
