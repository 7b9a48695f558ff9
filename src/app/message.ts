/** What the page says to the annotator in a line of its own. */

/** A sentence for the annotator, with at most one thing to do about it. */
export interface Message {
  readonly tone: "note" | "warning";
  readonly text: string;
  readonly button?: { readonly label: string; run(): void };
}

/** What went wrong, as a sentence. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
