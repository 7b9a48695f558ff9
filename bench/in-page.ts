/** The part of the bench that runs in Chromium: one case, after two runs to warm up. */
import { webRuntime } from "../src/engine/runtime-web.ts";
import { startOurs, type Timing, timedCases } from "./timed.ts";

export interface InPage {
  readonly name: string;
  readonly times: number;
  readonly threads: number;
}

const WARM_UP = 3;

export default async function main({ name, times, threads }: InPage): Promise<Timing> {
  const timedCase = timedCases().find((one) => one.name === name)!;
  const contender = await startOurs(webRuntime({ threads }), timedCase);
  const warm = await contender.run(WARM_UP);
  const { seconds, values } = await contender.run(times);
  return { seconds, values: timedCase.task === "step" ? [...warm.values, ...values] : values };
}
