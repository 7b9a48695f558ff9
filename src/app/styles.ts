/** The colors of what is drawn over the image. Azure and amber stay apart for every kind of color vision (UX.md, 2.2). */
import type { MaskStyle } from "./mask-tiles.ts";

export const AZURE = "#3ba7ff";
export const AMBER = "#ffb000";
const AZURE_RGB = [59, 167, 255] as const;

/** What has been taken and drawn so far: a thin white line and a faint fill. */
export const LABEL_STYLE: MaskStyle = {
  insideFill: [...AZURE_RGB, 46],
  insideLine: "rgba(255, 255, 255, 0.95)",
  outsideDots: "rgba(255, 176, 0, 0.5)",
  outsideLine: "rgba(255, 176, 0, 0.45)",
  lostStripes: AMBER,
};

/** What a candidate would add and take away, alone and full size. */
export const PREVIEW_STYLE: MaskStyle = {
  insideFill: [...AZURE_RGB, 120],
  insideLine: AZURE,
  outsideDots: "rgba(255, 176, 0, 0.9)",
  outsideLine: AMBER,
  lostStripes: AMBER,
};
