/** The colors in which the labels of the open image are drawn. */
import type { Label } from "../image/index.ts";
import { keyOf } from "../project/labels.ts";
import { AZURE } from "./styles.ts";

/** One object for an image, so that whoever draws always has the newest. */
export class Colors {
  private readonly byKey = new Map<number, string>();

  constructor(labels: readonly Label[]) {
    this.set(labels);
  }

  set(labels: readonly Label[]): void {
    for (const { value, color } of labels) this.byKey.set(keyOf(labels, value), color);
  }

  /** "#rrggbb". @param label  what its changes name */
  of(label: number): string {
    return this.byKey.get(label) ?? AZURE;
  }
}
