/** What the page and its worker say to each other. Both are built together from this one table. */
import type { Image, TendrilError } from "../core/index.ts";
import type { Candidate } from "../model/propose.ts";
import type { Level } from "./pyramid.ts";

/** Page to worker. `ticket` comes back with the answer. */
export type Order =
  /** Decode an image file and hold it for proposals. */
  | { readonly kind: "open"; readonly ticket: number; readonly name: string; readonly bytes: Uint8Array }
  /** Candidates for the open image; `annotation` is its data, one byte a pixel. */
  | {
      readonly kind: "propose";
      readonly ticket: number;
      readonly annotation: Uint8Array;
      readonly count: number;
      readonly seed: number;
    };

/** Worker to page. */
export type Answer =
  | { readonly kind: "opened"; readonly ticket: number; readonly image: Image; readonly levels: readonly Level[] }
  | {
      readonly kind: "proposed";
      readonly ticket: number;
      readonly model: string;
      readonly candidates: readonly Candidate[];
    }
  /** `message` is for the person in front of the screen. */
  | {
      readonly kind: "failed";
      readonly ticket: number;
      readonly code: TendrilError["code"];
      readonly message: string;
    };
