/** Label maps: what an annotation becomes on export, and a mask on import. Writers take nothing else of a source than its grid. */
import { UsageError } from "../core/index.ts";

export interface Label {
  /** 1 to 65535; 0 is the background and has no label */
  readonly value: number;
  readonly name: string;
  /** "#rrggbb" */
  readonly color: string;
}

export interface LabelMap {
  /** Voxels along i, j, k, as of a `Volume`; an image has k = 1, its columns along i and its rows along j. */
  readonly size: readonly [number, number, number];
  /** [k, j, i], 0 or a label's value */
  readonly data: Uint8Array | Uint16Array;
  /** With rising values. */
  readonly labels: readonly Label[];
}

/** A file of an export. */
export interface OutputFile {
  /** From the export's folder, with slashes. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const VALUE_LIMIT = 65535;
/** Okabe and Ito's colors, which people with any color vision can tell apart, without black. */
const COLORS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];
const COLOR = /^#[0-9a-f]{6}$/i;

/**
 * The labels of several maps together.
 *
 * @throws {UsageError} when a map does not fit its size, holds a value without a label, or two maps mean different things by a value
 */
export function sharedLabels(maps: readonly LabelMap[]): Label[] {
  maps.forEach(requireSound);
  return agreedLabels(maps.map(({ labels }) => labels));
}

/**
 * The labels of several images together, before their maps are there.
 *
 * @throws {UsageError} when two mean different things by a value, or two values have the same name
 */
export function agreedLabels(lists: readonly (readonly Label[])[]): Label[] {
  const byValue = new Map<number, Label>();
  for (const list of lists) {
    for (const label of list) {
      const other = byValue.get(label.value) ?? label;
      if (other.name !== label.name)
        throw new UsageError(
          `Label ${label.value} is ${other.name} in one image and ${label.name} in another. Rename one.`,
        );
      byValue.set(label.value, other);
    }
  }
  const labels = [...byValue.values()].sort((a, b) => a.value - b.value);
  const twice = labels.find(({ name }, i) => labels.findIndex((other) => other.name === name) < i);
  if (twice) throw new UsageError(`Two labels have the name ${twice.name}. Rename one.`);
  return labels;
}

/** @throws {UsageError} naming what is wrong with the map */
export function requireSound({ size, data, labels }: LabelMap): void {
  const voxels = size[0] * size[1] * size[2];
  if (data.length !== voxels)
    throw new UsageError(`A label map of ${size.join(" x ")} has ${data.length} values, not ${voxels}.`);
  const known = new Set([0, ...labels.map(({ value }) => value)]);
  for (const { value, name, color } of labels)
    if (!Number.isInteger(value) || value < 1 || value > VALUE_LIMIT || name.trim() === "" || !COLOR.test(color))
      throw new UsageError(
        `A label has value ${value}, name "${name}" and color "${color}"; 1 to 65535, a name and #rrggbb are needed.`,
      );
  if (known.size !== labels.length + 1) throw new UsageError("Two labels have the same value.");
  const stray = data.find((value) => !known.has(value));
  if (stray !== undefined) throw new UsageError(`The label map holds ${stray}, and no label has this value.`);
}

/** A path's last part: folders may name a patient. */
export function baseName(path: string): string {
  return path.split(/[/\\]/).at(-1)!;
}

/** A base name without its ending; of two endings where the last one is a compression's. */
export function stem(path: string): string {
  return baseName(path).replace(/(\.\w+)?\.gz$|\.[^.]+$/i, "");
}

/** One line, as tables and headers need it. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
}

export function jsonFile(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/** Of a label that has none of its own. */
export function colorOf(value: number): string {
  return COLORS[(value - 1) % COLORS.length];
}

/** Red, green, blue, 0 to 255 */
export function channelsOf(color: string): [number, number, number] {
  const channel = (at: number) => Number.parseInt(color.slice(at, at + 2), 16);
  return [channel(1), channel(3), channel(5)];
}
