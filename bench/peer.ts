/** PyTorch as a contender: a Python process that answers one request a line (peer.py). */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TendrilError } from "../src/core/index.ts";
import { writeCase } from "./case-files.ts";
import type { Contender, TimedCase, Timing } from "./timed.ts";

/** Debian's own Python, whose packages are the peer; another can be named. */
const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";
export const INSTALL = "apt-get install python3-torch libopenblas0-pthread";

export type Layout = "default" | "channels_last";

/** The Python process has ended or answered nonsense. */
class PeerError extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("peer", message, options);
  }
}

export class Peer {
  readonly description: string;
  /** Whether PyTorch has a fast BLAS, without which it is no peer. */
  readonly isTuned: boolean;
  private readonly channel: Channel;
  private readonly folder: string;
  private loaded = 0;

  private constructor(channel: Channel, folder: string, { version, blas }: { version: string; blas: string }) {
    this.channel = channel;
    this.folder = folder;
    this.description = `PyTorch ${version}, ${blas} BLAS`;
    this.isTuned = blas === "openblas";
  }

  /** @returns null where PyTorch is not installed */
  static async start(threads: number): Promise<Peer | null> {
    if (spawnSync(PYTHON, ["-c", "import torch"], { stdio: "ignore" }).status !== 0) return null;
    const channel = new Channel();
    const greeting = (await channel.ask({ threads })) as { version: string; blas: string };
    return new Peer(channel, await mkdtemp(join(tmpdir(), "tendril-bench-")), greeting);
  }

  async load({ task, subject }: TimedCase, layout: Layout): Promise<Contender> {
    const folder = join(this.folder, `${this.loaded++}`);
    await mkdir(folder);
    await writeCase(folder, subject);
    const { loaded } = (await this.channel.ask({ load: folder, layout })) as { loaded: number };
    return {
      run: async (times) => (await this.channel.ask({ run: loaded, task, times })) as Timing,
      close: async () => {},
    };
  }

  async close(): Promise<void> {
    this.channel.close();
    await rm(this.folder, { recursive: true });
  }
}

/** One question, one answer, in order. */
class Channel {
  private readonly process: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;
  private readonly reader: Interface;
  private complaint = "";

  constructor() {
    const script = fileURLToPath(new URL("../../bench/peer.py", import.meta.url));
    this.process = spawn(PYTHON, [script], { env: peerEnvironment() });
    this.process.stderr.on("data", (chunk) => {
      this.complaint += chunk;
    });
    this.reader = createInterface({ input: this.process.stdout });
    this.lines = this.reader[Symbol.asyncIterator]();
  }

  async ask(request: object): Promise<unknown> {
    this.process.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new PeerError(`PyTorch's process ended: ${this.complaint.trim().split("\n").at(-1)}`);
    return JSON.parse(value);
  }

  close(): void {
    this.process.stdin.end();
    this.reader.close();
  }
}

/** Ours, but without the settings with which some machines hold OpenBLAS to another processor's kernels. */
function peerEnvironment(): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _core, OPENBLAS_L2_SIZE: _cache, ...rest } = process.env;
  return rest;
}
