/** `tendril annotate [PATHS...]` */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { Command } from "commander";
import open from "open";
import { TendrilError } from "../core/index.ts";
import { FileError, onFile, packageFolder, pretrainedSegmenterPaths } from "../files/index.ts";
import { PROJECT_FILE } from "../project/index.ts";
import {
  Adaptation,
  type AdaptationOptions,
  Desk,
  DropFolder,
  ImageCollection,
  NoImageError,
  PortError,
  type RunningServer,
  type ServerOptions,
  startServer,
} from "../server/index.ts";
import { readModelFolder, shippedModelFolder } from "../train/index.ts";
import { adaptProcess } from "./adapt-process.ts";
import { colours } from "./colours.ts";
import { ADAPTED_FOLDER, modelFolder } from "./model.ts";
import { wholeNumber } from "./options.ts";

/** The same at every start, so that the page's own settings are found again; another one when it is taken. */
const USUAL_PORT = 7878;
const ANY_PORT = 0;
const PROJECT_NAME = "Tendril";
const TOKEN_BYTES = 32;
/** Refused files named on the terminal; the page names them all. */
const REFUSED_SHOWN = 10;

interface Options {
  readonly port?: number;
  readonly open: boolean;
  readonly project?: string;
  readonly model?: string;
}

export function annotateCommand(): Command {
  return new Command("annotate")
    .description(
      "Annotate images in the browser. Nothing leaves this computer; work is saved beside each image as you draw.",
    )
    .argument("[paths...]", "images, volumes, DICOM series, or folders of them; with none, those in the project folder")
    .option(
      "--port <number>",
      `port on 127.0.0.1; 0 for any free one (default: ${USUAL_PORT}, or a free one)`,
      wholeNumber(0, 65535),
    )
    .option("--no-open", "print the address only, don't open the browser")
    .option(
      "--project <folder>",
      `where images dropped on the page are kept (default: the folder of the first path, or ${PROJECT_NAME} in your home folder)`,
    )
    .option(
      "--model <model>",
      "what proposes: the name of a shipped model, or the folder of one that you have trained (default: the project's own, or general)",
    )
    .action(annotate);
}

async function annotate(paths: readonly string[], options: Options): Promise<void> {
  const projectFolder = resolve(options.project ?? (await folderOf(paths[0])));
  await requireNoFile(projectFolder);
  const models = await findModels(options.model, projectFolder);
  const images = await findImages(paths, projectFolder);
  const desk = new Desk();
  const train = adaptProcess(models.models.own);
  const adaptation = new Adaptation({ images, desk, train, ...models, onDefect });
  const server = await start(options, {
    ...{ images, desk, adaptation },
    drops: new DropFolder(projectFolder),
    project: { name: basename(projectFolder), folder: withTilde(projectFolder) },
    token: randomBytes(TOKEN_BYTES).toString("base64url"),
    page: join(packageFolder(), "dist", "app"),
    model: () => adaptation.model(),
    segmenter: pretrainedSegmenterPaths(),
    onDefect,
  });
  // Results go to standard output: the address alone, for a person or a program to open.
  console.log(server.address);
  const count = images.list().length;
  console.error(
    `${count === 0 ? "No image yet: drop some on the page." : `${count} image${count === 1 ? "" : "s"}.`} Ctrl+C stops.`,
  );
  if (options.open)
    await open(server.address).catch(() => console.error("No browser could be opened; open the address above."));
  await interrupted();
  await server.close();
}

function onDefect(error: unknown): void {
  console.error(error, "\nThis is a defect in Tendril; please report it with the lines above.");
}

/**
 * The models that may propose: the one that was named, the project's own, and the shipped one.
 *
 * @throws {TendrilError} when one was named that cannot be read
 */
async function findModels(
  name: string | undefined,
  projectFolder: string,
): Promise<Pick<AdaptationOptions, "models" | "hasOwn">> {
  const own = ownModelFolder(projectFolder);
  const models = { named: null, shipped: shippedModelFolder(), own };
  if (name !== undefined) {
    const named = resolve(modelFolder(name));
    await readModelFolder(named);
    return { models: { ...models, named }, hasOwn: false };
  }
  if (!existsSync(own)) return { models, hasOwn: false };
  try {
    await readModelFolder(own);
    console.error(`Candidates come from this project's own model, ${withTilde(own)}.`);
    return { models, hasOwn: true };
  } catch (cause) {
    if (!(cause instanceof TendrilError)) throw cause;
    console.error(`${colours.yellow("not used")} ${cause.message} Candidates come from the shipped model.`);
    return { models, hasOwn: false };
  }
}

/** Where the project's own model is, or would be kept. */
function ownModelFolder(projectFolder: string): string {
  // An image goes by the project file of its own folder, or of the one above.
  const folders = [projectFolder, dirname(projectFolder)];
  const holding = (name: string) => folders.find((folder) => existsSync(join(folder, name)));
  return join(holding(ADAPTED_FOLDER) ?? holding(PROJECT_FILE) ?? projectFolder, ADAPTED_FOLDER);
}

/** @throws {NoImageError} when paths were given and none of them can be opened */
async function findImages(paths: readonly string[], projectFolder: string): Promise<ImageCollection> {
  const images = new ImageCollection();
  for (const path of paths) await images.addPath(resolve(path));
  if (paths.length === 0) {
    // Nothing dropped yet is no mistake, as an empty folder is that was named.
    if (existsSync(projectFolder)) await images.addPath(projectFolder);
    if (images.list().length === 0) images.refused.length = 0;
    return images;
  }
  const reasons = images.refused.map(({ message }) => message);
  const shown = reasons.slice(0, REFUSED_SHOWN);
  if (reasons.length > shown.length) shown.push(`... and ${reasons.length - shown.length} more.`);
  if (images.list().length === 0) throw new NoImageError(shown.join("\n"));
  for (const reason of shown) console.error(`${colours.yellow("not opened")} ${reason}`);
  return images;
}

async function start({ port }: Options, server: ServerOptions): Promise<RunningServer> {
  if (port !== undefined) return startServer(server, port);
  try {
    return await startServer(server, USUAL_PORT);
  } catch (cause) {
    if (!(cause instanceof PortError)) throw cause;
    return startServer(server, ANY_PORT);
  }
}

/** The folder that is open: the first path or the one it lies in; without a path, one in the home folder. */
async function folderOf(path: string | undefined): Promise<string> {
  if (path === undefined || !existsSync(path)) return join(homedir(), PROJECT_NAME);
  return (await onFile("read", path, () => stat(path))).isDirectory() ? path : dirname(resolve(path));
}

/** A project folder is made when the first file is dropped; here only a file in its place is noticed. */
async function requireNoFile(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (!(await onFile("read", path, () => stat(path))).isDirectory())
    throw new FileError(
      "ENOTDIR",
      path,
      `Can't keep dropped images in ${path}: it is a file. Name a folder with --project.`,
    );
}

function interrupted(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done());
  });
}

function withTilde(path: string): string {
  const home = homedir();
  return path === home || path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}
