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

const schema = z.object({
  images: z.array(
    z.object({ id: z.int(), file_name: z.string(), width: z.int().positive(), height: z.int().positive() }),
  ),
  annotations: z.array(z.object({ image_id: z.int(), category_id: z.int(), segmentation: z.unknown() })),
  categories: z.array(z.object({ id: z.int(), name: z.string() })).max(LABEL_LIMIT),
});
const runLengths = z.object({
  size: z.tuple([z.int(), z.int()]),
  counts: z.union([z.string(), z.array(z.int().nonnegative())]),
});

type Coco = z.infer<typeof schema>;

/**
 * @param imageName  base name of the image whose objects are read; a file of one image need not name it
 * @throws {ImageFormatError} when it is no COCO file, does not know the image, or has objects that a label map cannot hold
 */
export function readCoco(bytes: Uint8Array, source: string, imageName: string): CocoMask {
  const refuse = (code: ImageFormatCode, message: string, cause?: unknown) =>
    new ImageFormatError(code, { source, message, cause });
  const { images, annotations, categories } = parse(bytes, refuse);
  const image = images.length === 1 ? images[0] : images.find((one) => baseName(one.file_name) === imageName);
  if (!image) throw refuse("unsupported", `has ${images.length} images, and none of them is ${imageName}.`);
  const { width, height } = image;
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
      if (image_id !== image.id) return;
      const wrong = (what: string) => refuse("damaged", `has an object (number ${i + 1}) ${what}. Export it again.`);
      const value = values.get(category_id);
      if (value === undefined) throw wrong(`of category ${category_id}, which it does not have`);
      if (Array.isArray(segmentation))
        throw refuse(
          "unsupported",
          "has objects drawn as polygons, and run lengths are read. Export it as run lengths (RLE).",
        );
      const runs = runLengths.safeParse(segmentation).data;
      const counts = typeof runs?.counts === "string" ? expandRuns(runs.counts) : (runs?.counts ?? null);
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

function parse(
  bytes: Uint8Array,
  refuse: (code: ImageFormatCode, message: string, cause?: unknown) => ImageFormatError,
): Coco {
  if (bytes.length > FILE_LIMIT) throw refuse("too-large", `holds ${bytes.length} bytes; ${FILE_LIMIT} are read.`);
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : null;
    const why = issue ? `${issue.path.join(".") || "it"}: ${issue.message}` : "it is no JSON text";
    throw refuse("bad-header", `is no COCO file: ${why}. Export it again.`, cause);
  }
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
