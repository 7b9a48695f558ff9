/**
 * How long a CT of 300 slices takes to open: as plain DICOM, as JPEG Lossless and as .nii.gz, beside pydicom and nibabel, each in a process of its own.
 *
 * "First image" is the middle slice of the largest series, found among all files; "all" has every voxel.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TendrilError } from "../src/core/index.ts";
import { decodeDicom, listDicom } from "../src/image/dicom.ts";
import { decodeNifti } from "../src/image/nifti.ts";
import type { Volume } from "../src/image/volume.ts";

const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("../../bench/files.py", import.meta.url));
const PATHS = ["plain", "lossless", "volume.nii.gz"] as const;

export interface Opening {
  /** Seconds */
  readonly first: number;
  readonly all: number;
  readonly peakMiB: number;
  /** Voxel in the middle, to see that the programs agree */
  readonly middle: number;
}

export interface FilesBenchResult {
  readonly processor: string;
  readonly node: string;
  readonly rows: readonly {
    readonly name: string;
    readonly ours: readonly Opening[];
    readonly peer: readonly Opening[];
  }[];
}

/** @param rounds  times that each program opens each of them */
export async function benchFiles(rounds: number, onProgress: (what: string) => void): Promise<FilesBenchResult> {
  const folder = await mkdtemp(join(tmpdir(), "tendril-files-"));
  try {
    onProgress("Making the files ...");
    if (python(["make", folder]).status !== 0)
      throw new TendrilError(
        "peer",
        "The files cannot be made: install python3-pydicom, python3-nibabel and libgdcm-tools.",
      );
    const rows = [];
    for (const name of PATHS) {
      const path = join(folder, name);
      const [ours, peer]: [Opening[], Opening[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        onProgress(`${name}, round ${round + 1} of ${rounds}`);
        ours.push(...answer(ownProcess(path)));
        peer.push(...answer(python(["read", path])));
      }
      const values = new Set([...ours, ...peer].map(({ middle }) => middle));
      if (values.size > 1) throw new TendrilError("peer", `${name}: the programs read different voxels.`);
      rows.push({ name, ours, peer });
    }
    return { processor: cpus()[0].model, node: process.version, rows };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What `npm run bench -- files --once PATH` prints. */
export async function openOnce(path: string): Promise<Opening> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const { first, volume } = path.endsWith(".gz") ? await openNifti(path, seconds) : await openSeries(path, seconds);
  const [width, height, depth] = volume.size;
  const middle = volume.data[((depth >> 1) * height + (height >> 1)) * width + (width >> 1)];
  return { first, all: seconds(), middle, peakMiB: process.resourceUsage().maxRSS / 1024 };
}

async function openSeries(path: string, seconds: () => number): Promise<{ first: number; volume: Volume }> {
  const names = (await readdir(path)).sort();
  const files = await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(path, name)) })));
  const { series } = listDicom(files);
  await decodeDicom([files[files.length >> 1]]);
  const first = seconds();
  const { volume } = await series[0].read();
  if (!volume) throw new TendrilError("peer", "The series cannot be decoded.");
  return { first, volume };
}

async function openNifti(path: string, seconds: () => number): Promise<{ first: number; volume: Volume }> {
  const volume = decodeNifti(new Uint8Array(await readFile(path)), "volume.nii.gz");
  return { first: seconds(), volume };
}

/** None when the program cannot open it. */
function answer({ stdout, status }: { stdout: string; status: number | null }): Opening[] {
  if (status !== 0) return [];
  const result = JSON.parse(stdout) as Opening | { readonly error: string };
  return "error" in result ? [] : [result];
}

function ownProcess(path: string) {
  const bench = fileURLToPath(new URL("../../scripts/bench.mjs", import.meta.url));
  return spawnSync(process.execPath, [bench, "files", "--once", path], { encoding: "utf8" });
}

function python(args: readonly string[]) {
  return spawnSync(PYTHON, [SCRIPT, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

export function filesTable({ processor, node, rows }: FilesBenchResult): string {
  const cell = (openings: readonly Opening[], of: (opening: Opening) => number, digits: number) => {
    const sorted = openings.map(of).sort((a, b) => a - b);
    return sorted.length > 0 ? sorted[sorted.length >> 1].toFixed(digits) : "-";
  };
  const cells = (openings: readonly Opening[]) =>
    `${cell(openings, ({ first }) => first, 2)} | ${cell(openings, ({ all }) => all, 2)} | ${cell(openings, ({ peakMiB }) => peakMiB, 0)}`;
  return [
    `${processor}; Node ${node}. 512 x 512 x 300, 16 bits (150 MiB); medians. "-": it has no reader for it.`,
    "",
    "| | ours: first image, s | all, s | peak, MiB | pydicom or nibabel: first image, s | all, s | peak, MiB |",
    "| --- | --: | --: | --: | --: | --: | --: |",
    ...rows.map(({ name, ours, peer }) => `| ${name} | ${cells(ours)} | ${cells(peer)} |`),
  ].join("\n");
}
