/**
 * `npm run bench -- engine`: training steps and inference, ours beside PyTorch's on the same weights and data, and ours in Chromium.
 *
 * The programs take turns within each round, so that whatever else the machine does slows all of them; ratios are of medians
 * over all rounds. What they compute is compared before any time is believed.
 */
import { availableParallelism } from "node:os";
import { TendrilError } from "../src/core/index.ts";
import type { Runtime } from "../src/engine/index.ts";
import { nodeRuntime } from "../src/engine/runtime-node.ts";
import { environment } from "../src/train/environment.ts";
import { evaluateModule } from "../tests/browser.ts";
import type { InPage } from "./in-page.ts";
import { INSTALL, Peer } from "./peer.ts";
import { type Contender, startOurs, type TimedCase, type Timing, timedCases } from "./timed.ts";

export interface EngineBenchOptions {
  readonly rounds: number;
  /** Processor threads for every program. 0: as many as there are. */
  readonly threads: number;
  /** Told what is being measured. */
  readonly onProgress: (what: string) => void;
}

/** Milliseconds. */
export interface Summary {
  readonly median: number;
  readonly p95: number;
  readonly best: number;
}

export interface CaseResult {
  readonly name: string;
  readonly ours: Summary;
  /** Null without PyTorch. */
  readonly pytorch: Summary | null;
  readonly pytorchChannelsLast: Summary | null;
  readonly chromium: Summary;
}

export interface EngineBenchResult {
  readonly environment: ReturnType<typeof environment>;
  readonly threads: number;
  readonly rounds: number;
  readonly peer: string;
  readonly cases: readonly CaseResult[];
}

/** Relative; float32 losses and probabilities of a few steps, summed in another order. */
const AGREEMENT = 1e-4;
/** Runs of each program that are not timed: first calls allocate and choose kernels. Their results are compared. */
const WARM_UP = 3;

/** A program computed something else, so that its time means nothing. */
class DisagreementError extends TendrilError {
  constructor(who: string, i: number, value: number, expected: number) {
    super(
      "disagreement",
      `${who}: value ${i} is ${value}, but ours in Node computed ${expected}. No time is reported.`,
    );
  }
}

export async function benchEngine(options: EngineBenchOptions): Promise<EngineBenchResult> {
  const threads = options.threads || availableParallelism();
  const runtime = nodeRuntime({ threads });
  const peer = await Peer.start(threads);
  if (!peer) options.onProgress(`PyTorch is not installed, so ours runs alone. To compare: ${INSTALL}`);
  else if (!peer.isTuned)
    options.onProgress(`PyTorch has no fast BLAS, so the comparison is not fair. To mend it: ${INSTALL}`);
  const cases: CaseResult[] = [];
  try {
    for (const timedCase of timedCases()) {
      options.onProgress(timedCase.name);
      cases.push(await measure(timedCase, runtime, peer, { ...options, threads }));
    }
  } finally {
    await peer?.close();
  }
  return {
    environment: environment(runtime.name),
    threads,
    rounds: options.rounds,
    peer: peer?.description ?? "no PyTorch",
    cases,
  };
}

async function measure(
  timedCase: TimedCase,
  runtime: Runtime,
  peer: Peer | null,
  { rounds, threads }: EngineBenchOptions,
): Promise<CaseResult> {
  const contenders = {
    ours: await startOurs(runtime, timedCase),
    pytorch: (await peer?.load(timedCase, "default")) ?? null,
    pytorchChannelsLast: (await peer?.load(timedCase, "channels_last")) ?? null,
  };
  const { ours, pytorch, pytorchChannelsLast } = await takeTurns(contenders, timedCase, rounds);
  return {
    name: timedCase.name,
    ours: summary(ours.seconds),
    pytorch: pytorch && summary(pytorch.seconds),
    pytorchChannelsLast: pytorchChannelsLast && summary(pytorchChannelsLast.seconds),
    chromium: await inChromium(timedCase, threads, ours.values),
  };
}

type Contenders<T> = { readonly ours: T; readonly pytorch: T | null; readonly pytorchChannelsLast: T | null };

/** Values are those of the warm-up, which every program computes from the same start. */
async function takeTurns(
  contenders: Contenders<Contender>,
  { name, times }: TimedCase,
  rounds: number,
): Promise<Contenders<Timing>> {
  const timings: Record<string, { seconds: number[]; values: readonly number[] }> = {};
  const present = Object.entries(contenders).filter((entry): entry is [string, Contender] => entry[1] !== null);
  for (const [who, contender] of present) {
    const { values } = await contender.run(WARM_UP);
    timings[who] = { seconds: [], values };
    requireAgreement(`${name}, ${who}`, values, timings.ours.values);
  }
  for (let round = 0; round < rounds; round++)
    for (const [who, contender] of present) timings[who].seconds.push(...(await contender.run(times)).seconds);
  for (const [, contender] of present) await contender.close();
  const { ours, pytorch = null, pytorchChannelsLast = null } = timings;
  return { ours, pytorch, pytorchChannelsLast };
}

async function inChromium({ name, times }: TimedCase, threads: number, expected: readonly number[]): Promise<Summary> {
  const args: InPage = { name, times: 3 * times, threads };
  const { seconds, values } = await evaluateModule<Timing>(new URL("in-page.js", import.meta.url), args);
  requireAgreement(`${name}, in Chromium`, values, expected);
  return summary(seconds);
}

function requireAgreement(who: string, values: readonly number[], expected: readonly number[]): void {
  for (const [i, value] of expected.entries())
    if (!(Math.abs(values[i] - value) <= AGREEMENT * Math.max(1, Math.abs(value))))
      throw new DisagreementError(who, i, values[i], value);
}

function summary(seconds: readonly number[]): Summary {
  const sorted = [...seconds].sort((a, b) => a - b);
  const at = (share: number) => 1000 * sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { median: at(0.5), p95: at(0.95), best: at(0) };
}
