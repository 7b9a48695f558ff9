/**
 * How much a slice's mask is to be doubted, 0 to 1, from the masks around it.
 *
 *   uneven   its pixels that neither neighbour has inside, and those that both have and it has not, as a share of all inside here
 *   filled   how different the two masks are between which it was filled, most in the middle: (1 - Jaccard) 4 t (1 - t)
 *
 * What the model's candidates on a slice disagree about is a third reason, known only where they were offered (`app/`).
 */
import type { Plane, Volume } from "../image/index.ts";
import { INSIDE } from "./annotation.ts";
import type { Gap } from "./slice-labels.ts";
import { readSlice } from "./slice-labels.ts";

type Size = Volume["size"];

export class DoubtMeter {
  private readonly labels: Uint8Array;
  private readonly size: Size;
  private readonly plane: Plane;
  private readonly scratch: readonly [Uint8Array, Uint8Array, Uint8Array];

  /** @param labels  [k, j, i], an annotation's bytes */
  constructor(labels: Uint8Array, size: Size, plane: Plane) {
    this.labels = labels;
    this.size = size;
    this.plane = plane;
    const pixels = plane.width * plane.height;
    this.scratch = [new Uint8Array(pixels), new Uint8Array(pixels), new Uint8Array(pixels)];
  }

  /** The first and the last slice of what is inside have a neighbour on one side alone, and are compared with that. */
  uneven(slice: number): number {
    const [before, here, after] = this.scratch;
    this.read(slice - 1, before);
    this.read(slice, here);
    this.read(slice + 1, after);
    let [doubtful, all] = [0, 0];
    for (let i = 0; i < here.length; i++) {
      const isHere = here[i] & INSIDE;
      const both = before[i] & after[i] & INSIDE;
      if (isHere | both) all++;
      if (isHere ? !((before[i] | after[i]) & INSIDE) : both) doubtful++;
    }
    return all === 0 ? 0 : doubtful / all;
  }

  filled(slice: number, { from, to }: Gap): number {
    const [a, b] = this.scratch;
    this.read(from, a);
    this.read(to, b);
    let [shared, either] = [0, 0];
    for (let i = 0; i < a.length; i++) {
      if (a[i] & b[i] & INSIDE) shared++;
      if ((a[i] | b[i]) & INSIDE) either++;
    }
    const share = (slice - from) / (to - from);
    return either === 0 ? 0 : (1 - shared / either) * 4 * share * (1 - share);
  }

  private read(slice: number, into: Uint8Array): void {
    if (slice < 0 || slice >= this.plane.count) into.fill(0);
    else readSlice(this.labels, this.size, this.plane, slice, into);
  }
}
