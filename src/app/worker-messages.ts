/** What the page and its workers say to each other. Both are built together from this one table. */
import type { Image, TendrilError } from "../core/index.ts";
import type { GrayScale, LoadedMask, MaskTarget, Volume } from "../image/index.ts";
import type { ModelCard } from "../model/model-file.ts";
import type { Candidate, ImageFeatures } from "../model/propose.ts";
import type { InsideChange } from "../project/annotation.ts";
import type { Level } from "./pyramid.ts";

/** Page to the worker that proposes. `ticket` comes back with the answer. */
export type Order =
  /** Which model there is; loads it. */
  | { readonly kind: "load"; readonly ticket: number }
  /** The server has another model now: lets go of the one that is loaded, and loads that one. Answered as "load" is. */
  | { readonly kind: "reload"; readonly ticket: number }
  /** The image, or slice of a volume, that proposals are for. Has no answer. */
  | { readonly kind: "image"; readonly ticket: number; readonly image: Image }
  /** Features of that image for the proposals to come, or none. Has no answer. */
  | { readonly kind: "features"; readonly ticket: number; readonly features: ImageFeatures | null }
  /** Candidates for that image; `annotation` is its data, one byte a pixel, `step` how much of what is left to add. */
  | {
      readonly kind: "propose";
      readonly ticket: number;
      readonly annotation: Uint8Array;
      readonly isTaken: boolean;
      readonly count: number;
      readonly seed: number;
      readonly step: number;
    };

/** The model that proposes, as far as the page shows it. */
export interface ModelFacts {
  /** For the journal: "general-3f9a01c2". */
  readonly name: string;
  readonly kind: ModelCard["kind"];
  /** How many answers a candidate's support is a share of. */
  readonly answers: number;
  /** It can use features of the image, and what computes them is there. */
  readonly canLearn: boolean;
}

export interface OfferedCandidate extends Candidate {
  /** What taking it does to the pixels inside. */
  readonly change: InsideChange;
  /** It is the mask of another slice, and of no model. */
  readonly isCarried?: true;
}

/** The worker that proposes, to the page. */
export type Answer =
  | { readonly kind: "loaded"; readonly ticket: number; readonly model: ModelFacts }
  | {
      readonly kind: "proposed";
      readonly ticket: number;
      readonly model: ModelFacts;
      /** Whether the image's features were used. */
      readonly features: boolean;
      readonly candidates: readonly OfferedCandidate[];
    }
  /** `message` is for the person in front of the screen. */
  | {
      readonly kind: "failed";
      readonly ticket: number;
      readonly code: TendrilError["code"];
      readonly message: string;
    };

/** Page to the worker that reads files. */
export interface FileToRead {
  /** Of the image, for errors */
  readonly name: string;
  /** Base names and sizes in bytes of its files, which lie one after the other in `bytes` */
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** Which of the images in them */
  readonly part: number;
  readonly bytes: Uint8Array;
  /** Of a mask: what it is for */
  readonly target?: MaskTarget;
}

/** The worker that reads files, to the page. */
export type Reading =
  | { readonly kind: "image"; readonly image: Image; readonly levels: readonly Level[]; readonly target: MaskTarget }
  /** The volume's `origin` is left out. */
  | { readonly kind: "volume"; readonly volume: Volume; readonly scale: GrayScale; readonly target: MaskTarget }
  /** `sha256` is of its file. */
  | { readonly kind: "mask"; readonly map: LoadedMask; readonly sha256: string }
  | { readonly kind: "failed"; readonly code: TendrilError["code"]; readonly message: string };

/** What the worker that learns an image, which it is given, says to the page. */
export type Lesson =
  | { readonly kind: "learned"; readonly features: ImageFeatures }
  | { readonly kind: "failed"; readonly code: TendrilError["code"]; readonly message: string };
