/** The objects of one image in a COCO file, as label values: run lengths, as numbers or as text. Polygons are refused: readers round their edges in ways that differ. */
import { z } from "zod";
import { expandRuns } from "./coco-runs.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";
import { baseName, colorOf, type Label, oneLine } from "./labels.ts";
import { PIXEL_LIMIT } from "./png-chunks.ts";

export interface CocoMask {
  readonly size: readonly [number, number, 1];
  readonly names: readonly Label[];
  /** Draws the objects: [H, W]; called once the size is known to be right. */
  readonly data: () => Uint16Array;
}

const FILE_LIMIT = 64 * 2 ** 20;
const NAME_LIMIT = 256;
const LABEL_LIMIT = 4096;
const VALUE_LIMIT = 65535;
/** Objects may lie on each other, but not so often that drawing them takes forever. */
const MOST_DRAWN = 16;
/** For each pixel; a run of nothing may stand before each of one pixel. */
const MOST_RUNS = 2;

/** Lists and objects within each other, those in all, and values: a few MiB of text would become hundreds of MiB of them. */
const NESTING_LIMIT = 32;
const CONTAINER_LIMIT = 1_000_000;
const ITEM_LIMIT = 2_000_000;
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];

/** Not `z.array`, which copies it. */
const list = z.custom<readonly unknown[]>(Array.isArray, "it must be a list");
const file = z.object({ images: list, annotations: list, categories: z.array(z.unknown()).max(LABEL_LIMIT) });
const image = z.object({
  id: z.int(),
  file_name: z.string(),
  width: z.int().positive(),
  height: z.int().positive(),
});
const annotation = z.object({ image_id: z.int(), category_id: z.int(), segmentation: z.unknown() });
const category = z.object({ id: z.int(), name: z.string() });
const isRun = (run: unknown) => Number.isSafeInteger(run) && (run as number) >= 0;
const runLengths = z.object({
  size: z.tuple([z.int(), z.int()]),
  counts: z.union([z.string(), z.custom<number[]>((runs) => Array.isArray(runs) && runs.every(isRun))]),
});

interface Coco {
  readonly images: readonly z.infer<typeof image>[];
  readonly annotations: readonly z.infer<typeof annotation>[];
  readonly categories: readonly z.infer<typeof category>[];
}

/**
 * @param imageName  base name of the image whose objects are read; a file of one image need not name it
 * @throws {ImageFormatError} when it is no COCO file, does not know the image, or has objects that a label map cannot hold
 */
export function readCoco(bytes: Uint8Array, source: string, imageName: string): CocoMask {
  const refuse: Refuse = (code, message, cause) => new ImageFormatError(code, { source, message, cause });
  const { images, annotations, categories } = parse(bytes, refuse);
  const own = images.length === 1 ? images[0] : images.find((one) => baseName(one.file_name) === imageName);
  if (!own) throw refuse("unsupported", `has ${images.length} images, and none of them is ${imageName}.`);
  const { width, height } = own;
  if (width * height > PIXEL_LIMIT)
    throw refuse("too-large", `claims ${width} x ${height} pixels; ${PIXEL_LIMIT} are read.`);
  const values = valuesOf(categories);
  const names = categories.map(({ id, name }, i) => {
    const value = values.get(id)!;
    return { value, name: oneLine(name).slice(0, NAME_LIMIT) || `Label ${i + 1}`, color: colorOf(value) };
  });
  const data = () => {
    const drawn = new Uint16Array(width * height);
    let left = MOST_DRAWN * width * height;
    annotations.forEach(({ image_id, category_id, segmentation }, i) => {
      if (image_id !== own.id) return;
      const wrong = (what: string) => refuse("damaged", `has an object (number ${i + 1}) ${what}. Export it again.`);
      const value = values.get(category_id);
      if (value === undefined) throw wrong(`of category ${category_id}, which it does not have`);
      if (Array.isArray(segmentation))
        throw refuse(
          "unsupported",
          "has objects drawn as polygons, and run lengths are read. Export it as run lengths (RLE).",
        );
      const runs = runLengths.safeParse(segmentation).data;
      const counts =
        typeof runs?.counts === "string" ? expandRuns(runs.counts, MOST_RUNS * width * height) : (runs?.counts ?? null);
      if (!runs || !counts || runs.size[0] !== height || runs.size[1] !== width)
        throw wrong("whose run lengths are not its image's");
      if (counts.some((run) => run < 0) || counts.reduce((sum, run) => sum + run, 0) !== width * height)
        throw wrong(`whose run lengths do not make ${width * height} pixels`);
      left -= counts.reduce((sum, run, place) => (place % 2 === 1 ? sum + run : sum), 0);
      if (left < 0) throw refuse("too-large", `has objects that cover its image more than ${MOST_DRAWN} times.`);
      const overlap = draw(drawn, counts, value, { width, height });
      if (overlap >= 0)
        throw refuse(
          "unsupported",
          `has two labels at pixel (${overlap % width}, ${Math.floor(overlap / width)}), and a label map holds one. Save it without overlaps.`,
        );
    });
    return drawn;
  };
  return { size: [width, height, 1], names, data };
}

type Refuse = (code: ImageFormatCode, message: string, cause?: unknown) => ImageFormatError;

function parse(bytes: Uint8Array, refuse: Refuse): Coco {
  if (bytes.length > FILE_LIMIT) throw refuse("too-large", `holds ${bytes.length} bytes; ${FILE_LIMIT} are read.`);
  requireFewItems(bytes, refuse);
  const noCoco = (why: string, cause?: unknown) =>
    refuse("bad-header", `is no COCO file: ${why}. Export it again.`, cause);
  const checked = <T>(schema: z.ZodType<T>, value: unknown, path: readonly PropertyKey[]): T => {
    const { data, error } = schema.safeParse(value);
    if (!error) return data;
    const [issue] = error.issues;
    throw noCoco(`${[...path, ...issue.path].join(".") || "it"}: ${issue.message}`, error);
  };
  // One by one, so that the first one that is wrong is the last one looked at.
  const each = <T>(schema: z.ZodType<T>, values: readonly unknown[], name: string): T[] =>
    values.map((value, i) => checked(schema, value, [name, i]));
  const { images, annotations, categories } = checked(file, textOf(bytes, noCoco), []);
  return {
    images: each(image, images, "images"),
    annotations: each(annotation, annotations, "annotations"),
    categories: each(category, categories, "categories"),
  };
}

function textOf(bytes: Uint8Array, noCoco: (why: string, cause: unknown) => ImageFormatError): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw noCoco("it is no JSON text", cause);
  }
}

/** Counts brackets and commas outside of texts, before anything is made of them. */
function requireFewItems(bytes: Uint8Array, refuse: Refuse): void {
  const tooMany = (what: string) =>
    refuse("too-large", `has more than ${what}. Export fewer images at once, or run lengths as text.`);
  let depth = 0;
  let containers = 0;
  let items = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) isText = !isText;
    else if (isText) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === COMMA) items++;
    // "[" and "{" differ in one bit, and so do "]" and "}".
    else if ((byte | 0x20) === 0x7d) depth--;
    else if ((byte | 0x20) === 0x7b) {
      containers++;
      if (++depth > NESTING_LIMIT) throw tooMany(`${NESTING_LIMIT} lists within each other`);
    }
  }
  if (containers > CONTAINER_LIMIT) throw tooMany(`${CONTAINER_LIMIT.toLocaleString("en")} lists`);
  if (items > ITEM_LIMIT) throw tooMany(`${ITEM_LIMIT.toLocaleString("en")} values`);
}

/** The categories' own numbers where they can be values of a label map, else their order. */
function valuesOf(categories: Coco["categories"]): Map<number, number> {
  const areValues = categories.every(({ id }) => id >= 1 && id <= VALUE_LIMIT);
  return new Map(categories.map(({ id }, i) => [id, areValues ? id : i + 1]));
}

/** @returns the first pixel that has another label already, or -1 */
function draw(
  drawn: Uint16Array,
  runs: readonly number[],
  value: number,
  { width, height }: { width: number; height: number },
): number {
  let place = 0;
  for (let i = 0; i < runs.length; i++) {
    const end = place + runs[i];
    for (; i % 2 === 1 && place < end; place++) {
      const pixel = (place % height) * width + Math.floor(place / height);
      if (drawn[pixel] !== 0 && drawn[pixel] !== value) return pixel;
      drawn[pixel] = value;
    }
    place = end;
  }
  return -1;
}
