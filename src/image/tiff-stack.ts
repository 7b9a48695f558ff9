/** What makes the pages of a TIFF file one volume: equal sizes and kinds, one channel and one time, and how far apart the voxels are. */
import type { Bytes } from "./bytes.ts";
import type { TiffPage } from "./tiff-pages.ts";
import type { Affine, Volume } from "./volume.ts";

const NO_UNIT = 1;
/** mm a unit of the resolution tags. */
const RESOLUTION_UNITS: Readonly<Record<number, number>> = { 2: 25.4, 3: 10 };
/** mm a unit of ImageJ's description; its µ may have been written as an escape. */
const IMAGEJ_UNITS: Readonly<Record<string, number>> = {
  mm: 1,
  millimeter: 1,
  cm: 10,
  inch: 25.4,
  m: 1000,
  meter: 1000,
  micron: 1e-3,
  um: 1e-3,
  µm: 1e-3,
  "\\u00B5m": 1e-3,
  nm: 1e-6,
};

/** @throws {ImageFormatError} when the pages cannot be slices of one volume, or more was written than the pages show */
export function requirePlainStack(pages: readonly TiffPage[], bytes: Bytes): void {
  const [first] = pages;
  const describe = ({ width, height, bits, format }: TiffPage) => `${width} x ${height} of ${bits} bits (${format})`;
  pages.forEach((page, i) => {
    if (describe(page) !== describe(first))
      throw bytes.refuse(
        "unsupported",
        0,
        `has pages that differ: the first is ${describe(first)}, page ${i + 1} is ${describe(page)}. Save the pages you need in a file of their own.`,
      );
  });
  const fields = imageJ(first);
  const images = Number(fields.get("images") ?? 1);
  if (images > 1 && pages.length === 1)
    throw bytes.refuse(
      "unsupported",
      0,
      `says that it holds ${images} images, and has one page. Save it again as an ordinary TIFF stack.`,
    );
  for (const [axis, name] of Object.entries({ channels: "SizeC", frames: "SizeT" })) {
    const count = Number(fields.get(axis) ?? new RegExp(`\\b${name}="(\\d+)"`).exec(first.description)?.[1] ?? 1);
    if (count > 1 && pages.length > 1)
      throw bytes.refuse(
        "unsupported",
        0,
        `holds ${count} ${axis}, and a stack of slices of one is read. Save the one you need by itself.`,
      );
  }
}

/**
 * Spacing from ImageJ's description, else from the resolution tags, else 1 mm; the axes as those of a volume that says nothing are taken by ITK
 * and Slicer: i to the patient's left, j to the back, k to the head.
 */
export function pageGeometry(page: TiffPage): Pick<Volume, "toWorld" | "notes"> {
  const fields = imageJ(page);
  const imageJUnit = IMAGEJ_UNITS[fields.get("unit") ?? ""];
  const unit = imageJUnit ?? (page.unit === NO_UNIT ? undefined : RESOLUTION_UNITS[page.unit]);
  const inPlane = unit && page.resolution ? page.resolution.map((perUnit) => unit / perUnit) : null;
  const between = imageJUnit && Number(fields.get("spacing")) > 0 ? imageJUnit * Number(fields.get("spacing")) : null;
  const [x, y] = inPlane ?? [1, 1];
  const toWorld: Affine = [-x, 0, 0, 0, 0, -y, 0, 0, 0, 0, between ?? 1, 0];
  const notes = ["The file does not say how it lies in the patient: left, back and head are taken for its axes."];
  if (inPlane) notes.push(`Pixels are ${x.toPrecision(4)} x ${y.toPrecision(4)} mm by the file's resolution tags.`);
  else notes.push("The file does not say how large its pixels are: 1 mm is taken.");
  if (between === null) notes.push("The file does not say how far apart its pages are: 1 mm is taken.");
  if (page.orientation !== 1)
    notes.push(`Pixels are shown as they are stored; the file asks for orientation ${page.orientation}.`);
  return { toWorld, notes };
}

/** The lines NAME=VALUE of the description that ImageJ writes; empty when another program wrote the file. */
function imageJ({ description }: TiffPage): Map<string, string> {
  if (!description.startsWith("ImageJ=")) return new Map();
  return new Map(
    description
      .split("\n")
      .flatMap((line) => [/^(\w+)=(.*)$/.exec(line.trim())?.slice(1) as [string, string]].filter(Boolean)),
  );
}
