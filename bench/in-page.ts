/** The part of the bench that runs in Chromium: one case. */
import { webRuntime } from "../src/engine/runtime-web.ts";
import { startOurs, type Timing, timedCases } from "./timed.ts";

export interface InPage {
  readonly name: string;
  readonly times: number;
  readonly threads: number;
}

/** As in Node; WebAssembly is also still being optimised during the first runs. */
const WARM_UP = 3;

export default async function main({ name, times, threads }: InPage): Promise<Timing> {
  const timedCase = timedCases().find((one) => one.name === name)!;
  const contender = await startOurs(webRuntime({ threads }), timedCase);
  const warm = await contender.run(WARM_UP);
  const { seconds, values } = await contender.run(times);
  return { seconds, values: timedCase.task === "step" ? [...warm.values, ...values] : values };
}
