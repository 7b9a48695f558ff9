/** The engine bench's result as a table for docs/results/engine.md. */
import type { CaseResult, EngineBenchResult, Summary } from "./engine.ts";

const HEADER = [
  "milliseconds: median (p95)",
  "ours",
  "PyTorch",
  "ratio",
  "ratio of bests",
  "PyTorch channels_last",
  "ratio",
  "ours in Chromium",
];

export function engineTable({ environment, threads, rounds, peer, cases }: EngineBenchResult): string {
  const { processor, memoryGiB, platform, node, runtime } = environment;
  const rows = cases.map(row);
  return [
    `${processor}, ${memoryGiB} GiB, ${platform}; Node ${node}, ${runtime}; ${peer}; ${threads} threads each, ${rounds} rounds.`,
    "",
    line(HEADER),
    line(HEADER.map((_, column) => (column === 0 ? "---" : "--:"))),
    ...rows.map(line),
  ].join("\n");
}

function row({ name, ours, pytorch, pytorchChannelsLast, chromium }: CaseResult): string[] {
  return [
    name,
    time(ours),
    time(pytorch),
    ratio(pytorch?.median, ours.median),
    ratio(pytorch?.best, ours.best),
    time(pytorchChannelsLast),
    ratio(pytorchChannelsLast?.median, ours.median),
    time(chromium),
  ];
}

function time(summary: Summary | null): string {
  return summary ? `${digits(summary.median)} (${digits(summary.p95)})` : "-";
}

/** How many times as fast ours is. */
function ratio(theirs: number | undefined, ours: number): string {
  return theirs === undefined ? "-" : (theirs / ours).toFixed(2);
}

function digits(milliseconds: number): string {
  return milliseconds < 100 ? milliseconds.toFixed(1) : milliseconds.toFixed(0);
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
