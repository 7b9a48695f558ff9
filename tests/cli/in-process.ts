/** The command in this process: what it prints and its exit code, without the half second that a process takes to start. */
import { vi } from "vitest";
import { main } from "../../src/cli/main.ts";

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `tendril ARGS` */
export async function runHere(...args: readonly string[]): Promise<Ended> {
  const [out, err]: [string[], string[]] = [[], []];
  const spies = [
    vi.spyOn(console, "log").mockImplementation((line) => void out.push(`${line}`)),
    vi
      .spyOn(console, "error")
      .mockImplementation((line) => void err.push(line instanceof Error ? `${line.stack}` : `${line}`)),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => err.push(`${text}`) > 0),
  ];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await main(["node", "tendril", ...args]);
    return { status: Number(process.exitCode), stdout: out.join("\n"), stderr: err.join("\n") };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
