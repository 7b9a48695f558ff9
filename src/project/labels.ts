/**
 * The labels of a project: what may be in their list, and how it changes. The first is the one whose changes name no label, so it stays the
 * first; one that a journal names is not taken away. Pure: the page goes by the same rules.
 */
import { colorOf, type Label } from "../image/index.ts";
import { FIRST } from "./annotation.ts";
import { LabelError, ProjectFileError } from "./errors.ts";

/** The largest value: masks have 8 bits. */
export const LABEL_LIMIT = 255;
/** Characters of a new name. */
export const NAME_LIMIT = 64;

/** Azure for the first, as long as it is alone; then what people with any color vision can tell from it, amber and each other. */
const SHOWN = ["#3ba7ff", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2", "#e69f00", "#56b4e9"];

/** A label as a list keeps it; one without a color has never been shown beside another. */
export type ListedLabel = Omit<Label, "color"> & { readonly color?: string | undefined };

/** A label that is added, or one that gets another name or color. */
export interface LabelChange {
  /** Missing for a new one, whose value is the next. */
  readonly value?: number | undefined;
  readonly name: string;
  readonly color: string;
}

/** Their colors where the list has none: as exports have them. */
export function labelsOf(listed: readonly ListedLabel[]): Label[] {
  return listed.map(({ value, name, color }) => ({ value, name, color: color ?? colorOf(value) }));
}

/** Their colors where the list has none: as the page shows them. */
export function shownLabels(listed: readonly ListedLabel[]): Label[] {
  return listed.map(({ value, name, color }, i) => ({ value, name, color: color ?? (i ? colorOf(value) : SHOWN[0]) }));
}

/** A color that no label has, as long as there are any. */
export function freeColor(labels: readonly Label[]): string {
  const used = labels.map(({ color }) => color.toLowerCase());
  return SHOWN.find((color) => !used.includes(color)) ?? SHOWN[labels.length % SHOWN.length];
}

/**
 * The list with one label added or changed. From then on every label keeps the color that it is shown in.
 *
 * @throws {LabelError} when the name cannot be one, or there is no such label or no value left
 */
export function withLabel(listed: readonly ListedLabel[], { value, name, color }: LabelChange): Label[] {
  const labels = shownLabels(listed);
  const others = labels.filter((label) => label.value !== value);
  const clean = name.normalize("NFC").trim();
  const problem = nameProblem(clean, others);
  if (problem) throw new LabelError(problem);
  if (value !== undefined) {
    if (others.length === labels.length) throw new LabelError(`The project has no label ${value}.`);
    return labels.map((label) => (label.value === value ? { value, name: clean, color } : label));
  }
  const next = Math.max(...labels.map((label) => label.value)) + 1;
  if (next > LABEL_LIMIT)
    throw new LabelError(`Labels have values up to ${LABEL_LIMIT}, and the project's last one is ${next - 1}.`);
  return [...labels, { value: next, name: clean, color }];
}

/**
 * The list without one label.
 *
 * @param images  names of those that have changes of it
 * @throws {LabelError} when there are any, it is the first, or there is no such label
 */
export function withoutLabel(listed: readonly ListedLabel[], value: number, images: readonly string[]): ListedLabel[] {
  const [first, ...others] = listed;
  const label = listed.find((one) => one.value === value);
  if (!label) throw new LabelError(`The project has no label ${value}.`);
  if (label === first)
    throw new LabelError(`${label.name} is the project's first label, which stays. Rename it instead.`);
  if (images.length > 0)
    throw new LabelError(
      `${label.name} stays: ${namesOf(images)} ${images.length > 1 ? "have" : "has"} changes of it. ` +
        "Those that were undone count, since redo brings them back. Rename the label instead.",
    );
  return [first, ...others.filter((one) => one !== label)];
}

/** Names that one sentence has room for. */
const NAMED = 3;

function namesOf(images: readonly string[]): string {
  const named = images.slice(0, NAMED);
  const rest = images.length - named.length;
  const all = rest > 0 ? [...named, `${rest} more`] : named;
  return all.length > 1 ? `${all.slice(0, -1).join(", ")} and ${all.at(-1)}` : all[0];
}

/** Why a label cannot be called so; null when it can. */
function nameProblem(name: string, others: readonly Label[]): string | null {
  if (name === "") return "A label needs a name.";
  if ([...name].length > NAME_LIMIT) return `A label's name has at most ${NAME_LIMIT} characters.`;
  if (/\p{Cc}|\p{Cf}|[\u2028\u2029]/u.test(name)) return "A label's name is one line of visible characters.";
  const isTaken = others.some((other) => other.name.toLowerCase() === name.toLowerCase());
  return isTaken ? `Another label is called ${name}.` : null;
}

/**
 * The list, and after it whatever else a journal has changes of: a list that was lost costs names and colors, and no work.
 *
 * @param used  what the changes name
 * @throws {ProjectFileError} when the first label is not the one that the changes were made with
 */
export function withUsed(listed: readonly ListedLabel[], used: Iterable<number>): ListedLabel[] {
  const [first] = listed;
  const missing = [...used].filter((label) => label !== FIRST && !listed.slice(1).some(({ value }) => value === label));
  if (missing.includes(first.value))
    throw new ProjectFileError(
      `tendril.json has ${first.name} (${first.value}) as the first of its labels, and it was not the first when it was drawn. ` +
        "Nothing was changed. Put the labels back into their order.",
    );
  return [...listed, ...missing.sort((a, b) => a - b).map((value) => ({ value, name: `Label ${value}` }))];
}

/** What changes of a label name. */
export function keyOf(labels: readonly Pick<Label, "value">[], value: number): number {
  return labels[0].value === value ? FIRST : value;
}
