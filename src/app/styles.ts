/** The colors of what is drawn over the image. Azure and amber stay apart for every kind of color vision (UX.md, 2.2). */
import { channelsOf } from "../image/index.ts";
import type { MaskStyle } from "./mask-tiles.ts";

export const AZURE = "#3ba7ff";
export const AMBER = "#ffb000";

/** What has been taken and drawn so far of the label that is worked on: a thin white line and a faint fill. */
export function labelStyle(color: string): MaskStyle {
  return {
    insideFill: [...channelsOf(color), 46],
    insideLine: "rgba(255, 255, 255, 0.95)",
    outsideDots: "rgba(255, 176, 0, 0.5)",
    outsideLine: "rgba(255, 176, 0, 0.45)",
    lostStripes: AMBER,
  };
}

/** The same of another label: a line of its own color. */
export function otherStyle(color: string): MaskStyle {
  return { ...labelStyle(color), insideLine: color };
}

/** What a candidate would add and take away, alone and full size: in its label's color, since azure beside other labels is one of theirs. */
export function previewStyle(color: string): MaskStyle {
  return {
    insideFill: [...channelsOf(color), 120],
    insideLine: color,
    outsideDots: "rgba(255, 176, 0, 0.9)",
    outsideLine: AMBER,
    lostStripes: AMBER,
  };
}

/** Outlines alone of what candidates would have inside: a line around what all of them would, dashes around what some would. Azure, as in their tiles. */
export const AGREEMENT_STYLE: MaskStyle = {
  ...previewStyle(AZURE),
  outsideLine: AZURE,
  outsideCase: "rgba(0, 0, 0, 0.55)",
};
