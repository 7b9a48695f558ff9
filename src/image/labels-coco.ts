/** Label maps of images as COCO JSON: one annotation for each label that occurs in an image, as run lengths. */
import { boundsOf, UsageError } from "../core/index.ts";
import { compressRuns, runsOf } from "./coco-runs.ts";
import { baseName, jsonFile, type LabelMap, sharedLabels } from "./labels.ts";

export interface CocoImage {
  /** Of the image file; folders are left out. */
  readonly name: string;
  readonly labels: LabelMap;
}

/**
 * @param isCompressed  counts as COCO's text, which most tools expect, rather than as numbers
 * @throws {UsageError} when a map is of a volume, or not sound
 */
export function encodeCoco(images: readonly CocoImage[], isCompressed = true): Uint8Array {
  const labels = sharedLabels(images.map((image) => image.labels));
  const annotations = images.flatMap(({ name, labels: { size, data, labels: own } }, i) => {
    const [width, height, depth] = size;
    if (depth !== 1)
      throw new UsageError(`${baseName(name)} is a volume, and COCO is for images. Choose another format.`);
    return own.flatMap(({ value }) => {
      const mask = Uint8Array.from(data, (other) => (other === value ? 1 : 0));
      const box = boundsOf(mask, { width, height });
      if (!box) return [];
      const runs = runsOf(mask, { width, height }, 1);
      return {
        image_id: i + 1,
        category_id: value,
        segmentation: { size: [height, width], counts: isCompressed ? compressRuns(runs) : runs },
        area: runs.reduce((sum, run, place) => (place % 2 ? sum + run : sum), 0),
        bbox: [box.x, box.y, box.width, box.height],
        iscrowd: 0,
      };
    });
  });
  return jsonFile({
    images: images.map(({ name, labels: { size } }, i) => ({
      id: i + 1,
      file_name: baseName(name),
      width: size[0],
      height: size[1],
    })),
    annotations: annotations.map((annotation, i) => ({ id: i + 1, ...annotation })),
    categories: labels.map(({ value, name }) => ({ id: value, name })),
  });
}
