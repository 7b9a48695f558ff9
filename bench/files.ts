/**
 * How long a CT of 300 slices takes to open: as plain DICOM, as JPEG Lossless and as .nii.gz, beside pydicom and nibabel, each in a process of its own; and in the
 * app, there as an archive and as one multi-frame file too, with the time that a step to another slice takes.
 *
 * "First image" is the middle slice of the largest series, found among all files; "all" has every voxel. In the app it is the first picture on the screen.
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TendrilError } from "../src/core/index.ts";
import { decodeDicom, listDicom } from "../src/image/dicom.ts";
import { readNifti } from "../src/image/nifti.ts";
import type { Volume } from "../src/image/volume.ts";
import { encodeImagePng } from "../src/image/write-png.ts";
import { type AppOpening, openInApp, type Steps, stepInApp } from "./files-app.ts";

const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("../../bench/files.py", import.meta.url));
const PATHS = ["plain", "lossless", "volume.nii.gz"] as const;
/** The series again as one file, which is of interest in the app alone. */
const ONE_FILE = ["series.zip", "frames.dcm"] as const;

export interface Opening {
  /** Seconds */
  readonly first: number;
  readonly all: number;
  readonly peakMiB: number;
  /** Of all voxels, to see that the programs agree */
  readonly sum: number;
}

export interface FilesBenchResult {
  readonly processor: string;
  readonly node: string;
  readonly rows: readonly {
    readonly name: string;
    readonly ours: readonly Opening[];
    readonly peer: readonly Opening[];
    readonly app: readonly AppOpening[];
  }[];
  /** Of the NIfTI volume, in the app */
  readonly steps: readonly Steps[];
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
    const rows: FilesBenchResult["rows"][number][] = [];
    for (const name of PATHS) {
      const place = await ownFolder(folder, name);
      const [ours, peer, app]: [Opening[], Opening[], AppOpening[]] = [[], [], []];
      for (let round = 0; round < rounds; round++) {
        onProgress(`${name}, round ${round + 1} of ${rounds}`);
        ours.push(...answer(ownProcess(join(place, name))));
        peer.push(...answer(python(["read", join(place, name)])));
        app.push(await openInApp(place, name));
      }
      rows.push({ name, ours, peer, app });
    }
    for (const name of ONE_FILE) {
      const place = await ownFolder(folder, name);
      const app: AppOpening[] = [];
      for (let round = 0; round < rounds; round++) {
        onProgress(`${name}, round ${round + 1} of ${rounds}`);
        app.push(await openInApp(place, name));
      }
      rows.push({ name, ours: [], peer: [], app });
    }
    const sums = new Set(rows.flatMap(({ ours, peer }) => [...ours, ...peer].map(({ sum }) => sum)));
    if (sums.size > 1) throw new TendrilError("peer", "The programs read different voxels.");
    onProgress("Steps from slice to slice");
    const steps = await stepInApp(join(folder, "of-volume.nii.gz"), "volume.nii.gz");
    return { processor: cpus()[0].model, node: process.version, rows, steps };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A folder with a series or a file alone, and a small image, which the app opens first. */
async function ownFolder(folder: string, name: string): Promise<string> {
  const place = join(folder, `of-${name}`);
  await mkdir(place);
  await rename(join(folder, name), join(place, name));
  const small = {
    width: 64,
    height: 64,
    data: Uint8Array.from({ length: 4096 }, (_, i) => i % 251),
    maximum: 255,
  } as const;
  await writeFile(join(place, "a.png"), encodeImagePng(small));
  return place;
}

/** What `npm run bench -- files --once PATH` prints. */
export async function openOnce(path: string): Promise<Opening> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const { first, volume } = path.endsWith(".gz") ? await openNifti(path, seconds) : await openSeries(path, seconds);
  const all = seconds();
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  let sum = 0;
  for (let i = 0; i < volume.data.length; i++) sum += volume.data[i];
  return { first, all, peakMiB, sum };
}

async function openSeries(path: string, seconds: () => number): Promise<{ first: number; volume: Volume }> {
  const names = (await readdir(path)).sort();
  const files = await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(path, name)) })));
  const { series } = listDicom(files);
  await decodeDicom([files[files.length >> 1]]);
  const first = seconds();
  const { volume, refused } = await series[0].read();
  if (!volume || refused.length > 0) throw new TendrilError("peer", "The series cannot be decoded.");
  return { first, volume };
}

async function openNifti(path: string, seconds: () => number): Promise<{ first: number; volume: Volume }> {
  const volume = await readNifti(new Uint8Array(await readFile(path)), "volume.nii.gz");
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

export function filesTable({ processor, node, rows, steps }: FilesBenchResult): string {
  const cell = <T>(openings: readonly T[], of: (opening: T) => number, digits: number) => {
    const sorted = openings.map(of).sort((a, b) => a - b);
    return sorted.length > 0 ? sorted[sorted.length >> 1].toFixed(digits) : "-";
  };
  const cells = (openings: readonly Opening[]) =>
    `${cell(openings, ({ first }) => first, 2)} | ${cell(openings, ({ all }) => all, 2)} | ${cell(openings, ({ peakMiB }) => peakMiB, 0)}`;
  const ofApp = (openings: readonly AppOpening[]) =>
    `${cell(openings, ({ first }) => first, 2)} | ${cell(openings, ({ all }) => all, 2)} | ${cell(openings, ({ pageMiB }) => pageMiB, 0)} | ${cell(openings, ({ serverMiB }) => serverMiB, 0)}`;
  return [
    `${processor}; Node ${node}. 512 x 512 x 300, 16 bits (150 MiB); medians. "-": it has no reader for it.`,
    "",
    "| | ours: first image, s | all, s | peak, MiB | pydicom or nibabel: first image, s | all, s | peak, MiB |",
    "| --- | --: | --: | --: | --: | --: | --: |",
    ...rows
      .filter(({ ours }) => ours.length > 0)
      .map(({ name, ours, peer }) => `| ${name} | ${cells(ours)} | ${cells(peer)} |`),
    "",
    "| in the app | first picture, s | all, s | page's peak, MiB | server's peak, MiB |",
    "| --- | --: | --: | --: | --: |",
    ...rows.map(({ name, app }) => `| ${name} | ${ofApp(app)} |`),
    "",
    "| a step to the next slice | median, ms | 95th percentile, ms |",
    "| --- | --: | --: |",
    ...steps.map(({ plane, median, p95 }) => `| ${plane} | ${median.toFixed(1)} | ${p95.toFixed(1)} |`),
  ].join("\n");
}
