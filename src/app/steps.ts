/** The stops of the step dial: how much of what is left the candidates are to add. */
export interface Step {
  /** Share of what is left, (0, 1]. */
  readonly share: number;
  readonly name: string;
}

/** Few, so that each can be told from the next; the model has learned shares from a tenth on. */
export const STEPS: readonly Step[] = [
  { share: 0.1, name: "a little" },
  { share: 0.25, name: "a quarter" },
  { share: 0.5, name: "half" },
  { share: 0.75, name: "most" },
  { share: 1, name: "finish it" },
];
