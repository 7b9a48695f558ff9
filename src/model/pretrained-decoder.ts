/**
 * The mask decoder that comes with the pretrained encoder (`pretrained.ts`; Kirillov et al. 2023, distilled): a prompt in, the region that it
 * points at out. In training what it finds in images is something to segment there that nobody has drawn; in use it helps with a box that
 * nothing else is known of (`box-alone.ts`).
 */
import type { Session } from "../engine/index.ts";
import { ENCODER_CHANNELS, ENCODER_SIDE, FEATURE_CELLS } from "./pretrained.ts";

/** Height and width of the region's logits: the image's longer side lies along all of them. */
export const REGION_CELLS = 256;

/** A click in the region, or a box around it (top left and bottom right corner); [x, y] in shares of the image's longer side. */
export type RegionPrompt =
  | { readonly kind: "click"; readonly at: readonly [number, number] }
  | { readonly kind: "box"; readonly from: readonly [number, number]; readonly to: readonly [number, number] };

/** The decoder's labels of points: inside, a box's corners, and none. */
const LABELS = { inside: 1, from: 2, to: 3, none: -1 } as const;

/**
 * @param channels  [256, 64, 64], of the encoder
 * @returns         logits [256, 256], and the decoder's own estimate of the region's IoU
 */
export async function decodeRegion(
  decoder: Session,
  channels: Float32Array,
  prompt: RegionPrompt,
): Promise<{ logits: Float32Array; quality: number }> {
  const [points, labels] =
    prompt.kind === "click"
      ? [
          [prompt.at, [0, 0]],
          [LABELS.inside, LABELS.none],
        ]
      : [
          [prompt.from, prompt.to],
          [LABELS.from, LABELS.to],
        ];
  const places = points.flat().map((share) => share * ENCODER_SIDE);
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
