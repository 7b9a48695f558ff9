/** The part of browser.test.ts that runs in the page. */
import type { Device } from "../../src/engine/index.ts";
import { webRuntime } from "../../src/engine/runtime-web.ts";
import { type PaperSteps, paperLosses } from "./paper-steps.ts";

export interface InPage extends PaperSteps {
  readonly device: Device;
  readonly threads: number;
}

/** @returns losses of a few training steps, or null where the browser offers no such device */
export default async function main({ device, threads, ...steps }: InPage): Promise<number[] | null> {
  if (threads > 1 && !crossOriginIsolated) throw new Error("The page may not use threads.");
  if (device === "webgpu" && !(await navigator.gpu?.requestAdapter())) return null;
  return paperLosses(webRuntime({ device, threads }), steps);
}
