/**
 * The mask decoder that comes with the pretrained encoder (`pretrained.ts`; Kirillov et al. 2023, distilled): a prompt in, the region that it
 * points at out. In training what it finds in images is something to segment there that nobody has drawn; in use it is a hint to the
 * network's answers (`segmenter-hint.ts`).
 */
import type { Session } from "../engine/index.ts";
import { ENCODER_CHANNELS, ENCODER_SIDE, FEATURE_CELLS } from "./pretrained.ts";

/** Height and width of the region's logits: the image's longer side lies along all of them. */
export const REGION_CELLS = 256;

/** [x, y] in shares of the image's longer side. */
export type Place = readonly [number, number];

/** What points at a region: places in it and beside it, a box around it (its top left and bottom right corner), or both. */
export interface RegionPrompt {
  readonly inside: readonly Place[];
  readonly outside: readonly Place[];
  readonly box: { readonly from: Place; readonly to: Place } | null;
}

/** The decoder's labels of points: inside and outside, a box's corners, and none, which it wants where there is no box. */
const LABELS = { inside: 1, outside: 0, from: 2, to: 3, none: -1 } as const;

/**
 * @param channels  [256, 64, 64], of the encoder
 * @returns         logits [256, 256], and the decoder's own estimate of the region's IoU
 */
export async function decodeRegion(
  decoder: Session,
  channels: Float32Array,
  prompt: RegionPrompt,
): Promise<{ logits: Float32Array; quality: number }> {
  const { inside, outside, box } = prompt;
  const corners = box
    ? ([
        [LABELS.from, box.from],
        [LABELS.to, box.to],
      ] as const)
    : ([[LABELS.none, [0, 0]]] as const);
  const points = [
    ...inside.map((place) => [LABELS.inside, place] as const),
    ...outside.map((place) => [LABELS.outside, place] as const),
    ...corners,
  ];
  const labels = points.map(([label]) => label);
  const places = points.flatMap(([, place]) => place.map((share) => share * ENCODER_SIDE));
  const { low_res_masks: logits, iou_predictions: quality } = await decoder.run({
    image_embeddings: { data: channels, shape: [1, ENCODER_CHANNELS, FEATURE_CELLS, FEATURE_CELLS] },
    point_coords: { data: Float32Array.from(places), shape: [1, labels.length, 2] },
    point_labels: { data: Float32Array.from(labels), shape: [1, labels.length] },
    mask_input: { data: new Float32Array(REGION_CELLS * REGION_CELLS), shape: [1, 1, REGION_CELLS, REGION_CELLS] },
    has_mask_input: { data: new Float32Array(1), shape: [1] },
    orig_im_size: { data: Float32Array.of(REGION_CELLS, REGION_CELLS), shape: [2] },
  });
  return { logits: logits.data, quality: quality.data[0] };
}
