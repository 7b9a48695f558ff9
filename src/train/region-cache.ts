/**
 * Regions that the pretrained segmenter finds in the training images, on disk: things to segment that nobody has drawn, so that a model
 * sees more kinds of them than there are masks.
 *
 *     runs/cache/regions/<dataset>__<name>.bin   regions at working size, [count, H, W] in bits; then CRC-32 of the image
 *
 * Each image is asked about at PROMPTS random places, half of them clicks and half boxes; what comes back is kept where the segmenter is
 * sure of it, it is neither a speck nor nearly all of the image, and it is not there already.
 */
import { join } from "node:path";
import { type Grid, Rng } from "../core/index.ts";
import type { Session } from "../engine/index.ts";
import { atomicWrite, orAbsent, readLimited } from "../files/index.ts";
import { decodeRegion, encoderChannels, REGION_CELLS, type RegionPrompt } from "../model/index.ts";
import { type AnnotatedImage, type AnnotatedImages, checksumOf, fileName, readOriginal } from "./annotated-images.ts";

const PROMPTS = 32;
/** Least IoU that the segmenter expects of a region, and least IoU between the region and itself with a logit of 1 more and less. */
const LEAST_QUALITY = 0.75;
const LEAST_STABILITY = 0.75;
/** Shares of the image. */
const LEAST_AREA = 0.003;
const MOST_AREA = 0.6;
/** IoU from which two regions are one. */
const SAME = 0.75;
const FILE_LIMIT = 2 ** 22;

/** Regions of an image, [H, W] of 0 and 1 each; from the cache, or found and kept there. */
export async function regionsOf(
  images: AnnotatedImages,
  item: AnnotatedImage,
  networks: { readonly encoder: Session; readonly decoder: Session },
  cache = join("runs", "cache", "regions"),
): Promise<Uint8Array[]> {
  const path = join(cache, fileName(item));
  const checksum = checksumOf(images, item);
  const cached = await orAbsent(readLimited(path, FILE_LIMIT), null);
  if (cached && cached.readUInt32LE(cached.length - 4) === checksum) return unpacked(cached.subarray(0, -4), item);
  const found = await findRegions(images, item, networks);
  const bytes = packedBits(found, item);
  const whole = Buffer.alloc(bytes.length + 4);
  whole.set(bytes);
  whole.writeUInt32LE(checksum, bytes.length);
  await atomicWrite(path, whole);
  return found;
}

async function findRegions(
  images: AnnotatedImages,
  item: AnnotatedImage,
  { encoder, decoder }: { readonly encoder: Session; readonly decoder: Session },
): Promise<Uint8Array[]> {
  const { channels } = await encoderChannels(await readOriginal(images.folder, item), encoder);
  const rng = Rng.seeded(checksumOf(images, item));
  const kept: Uint8Array[] = [];
  for (let k = 0; k < PROMPTS; k++) {
    const { logits, quality } = await decodeRegion(decoder, channels, drawPrompt(rng.at(k), item, k % 2 === 0));
    if (quality < LEAST_QUALITY) continue;
    const at = (level: number) => sampled(logits, item, level);
    const region = at(0);
    const share = region.reduce((sum, value) => sum + value, 0) / region.length;
    if (share < LEAST_AREA || share > MOST_AREA || overlap(at(1), at(-1)) < LEAST_STABILITY) continue;
    if (kept.every((other) => overlap(other, region) < SAME)) kept.push(region);
  }
  return kept;
}

function drawPrompt(rng: Rng, { width, height }: Grid, isClick: boolean): RegionPrompt {
  const longer = Math.max(width, height);
  const [w, h] = [width / longer, height / longer];
  if (isClick) return { kind: "click", at: [rng.between(0, w), rng.between(0, h)] };
  const side = () => Math.exp(rng.between(Math.log(0.06), Math.log(0.6)));
  const [bw, bh] = [Math.min(w, side()), Math.min(h, side())];
  const [x, y] = [rng.between(0, w - bw), rng.between(0, h - bh)];
  return { kind: "box", from: [x, y], to: [x + bw, y + bh] };
}

/** Where the logits, bilinear between their cells' centres, are above the level: [H, W] */
function sampled(logits: Float32Array, { width, height }: Grid, level: number): Uint8Array {
  const step = REGION_CELLS / Math.max(width, height);
  const place = (i: number) => {
    const at = Math.max(0, (i + 0.5) * step - 0.5);
    const low = Math.min(REGION_CELLS - 2, Math.floor(at));
    return { low, along: at - low };
  };
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const v = place(y);
    for (let x = 0; x < width; x++) {
      const u = place(x);
      const i = v.low * REGION_CELLS + u.low;
      const upper = logits[i] * (1 - u.along) + logits[i + 1] * u.along;
      const lower = logits[i + REGION_CELLS] * (1 - u.along) + logits[i + REGION_CELLS + 1] * u.along;
      if (upper * (1 - v.along) + lower * v.along > level) out[y * width + x] = 1;
    }
  }
  return out;
}

/** IoU */
function overlap(a: Uint8Array, b: Uint8Array): number {
  let [shared, either] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    shared += a[i] & b[i];
    either += a[i] | b[i];
  }
  return either === 0 ? 0 : shared / either;
}

function packedBits(regions: readonly Uint8Array[], { width, height }: Grid): Uint8Array {
  const each = Math.ceil((width * height) / 8);
  const bytes = new Uint8Array(regions.length * each);
  for (const [k, region] of regions.entries())
    for (let i = 0; i < region.length; i++) if (region[i]) bytes[k * each + (i >> 3)] |= 1 << (i & 7);
  return bytes;
}

function unpacked(bytes: Uint8Array, { width, height }: Grid): Uint8Array[] {
  const each = Math.ceil((width * height) / 8);
  return Array.from({ length: bytes.length / each }, (_, k) =>
    Uint8Array.from({ length: width * height }, (_, i) => (bytes[k * each + (i >> 3)] >> (i & 7)) & 1),
  );
}
