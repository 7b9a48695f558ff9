/**
 * The page's second worker: computes the features of one image, which takes seconds, while the first goes on proposing. It is ended
 * afterwards, because the memory that the encoder has used is given back in no other way.
 */
import type { Image } from "../core/index.ts";
import { TendrilError } from "../core/index.ts";
import { webRuntime } from "../engine/runtime-web.ts";
import { encodeImage } from "../model/pretrained.ts";
import { fetchModel, fetchPretrained } from "./model-files.ts";
import type { Lesson } from "./worker-messages.ts";

/** Of the processor's threads, how many learning takes: one at least, and most are left to proposals. */
const SHARE = 1 / 4;

self.onmessage = async ({ data: image }: MessageEvent<Image>) => {
  try {
    const features = await learn(image);
    tell({ kind: "learned", features }, [features.projected.buffer, features.channels.buffer]);
  } catch (error) {
    const known = error instanceof TendrilError;
    const message = error instanceof Error ? error.message : String(error);
    tell({ kind: "failed", code: known ? error.code : "defect", message });
  }
};

async function learn(image: Image) {
  const [{ model }, encoder] = await Promise.all([fetchModel(), fetchPretrained("encoder")]);
  const runtime = webRuntime({ threads: Math.max(1, Math.floor(SHARE * navigator.hardwareConcurrency)) });
  return encodeImage(image, await runtime.load(encoder), model.weights);
}

function tell(message: Lesson, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
