/** What the page says to the annotator in a line of its own. */

/** A sentence for the annotator, with at most one thing to do about it. */
export interface Message {
  readonly tone: "note" | "warning";
  readonly text: string;
  readonly button?: { readonly label: string; run(): void };
}

/** Of files that could not be opened: why the first one, and how many more. @param opened  images that were */
export function refusedWords([first, ...others]: readonly string[], opened: number): string {
  const more = others.length > 0 ? [`${files(others.length)} more could not be opened.`] : [];
  const rest = opened > 0 ? [`Your other ${opened === 1 ? "image is" : `${opened} images are`} open.`] : [];
  return [first, ...more, ...rest].join(" ");
}

function files(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

/** What went wrong, as a sentence. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
