/** `tendril adapt PATHS...` */
import { rmSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { UsageError } from "../core/index.ts";
import { nodeRuntime } from "../engine/runtime-node.ts";
import { fillFolder, packageFolder, readLimited, readText } from "../files/index.ts";
import { MODEL_FILES, type Model, shapeOf } from "../model/index.ts";
import { projectFolderOf } from "../project/index.ts";
import {
  type AnnotatedImages,
  CYCLE,
  type GeneralConfig,
  loadFeatures,
  loadOwnImages,
  type OwnImage,
  parseConfig,
  train,
} from "../train/index.ts";
import { type Found, findAnnotated, readAnnotated } from "./annotated.ts";
import { ADAPTED_FOLDER, readModel } from "./model.ts";
import { STOPPED_BY, wholeNumber } from "./options.ts";
import { ownImagesOf } from "./own-images.ts";
import { withBar } from "./training-progress.ts";

const CONFIG = "adapt.json";
const CONFIG_LIMIT = 2 ** 20;
const MODEL_LIMIT = 512 * 2 ** 20;

/** The process that has forked this one has let it go, or is gone itself, however it ended; the exit code. */
const WITHOUT_PARENT = { disconnect: 1 } as const;

/** What this command tells the process that has forked it. */
export interface AdaptProgress {
  /** Steps. */
  readonly done: number;
  readonly total: number;
}

interface Options {
  readonly output?: string;
  readonly from: string;
  readonly steps?: number;
  readonly seed?: number;
  readonly threads: number;
  readonly json: boolean;
}

export function adaptCommand(): Command {
  return new Command("adapt")
    .description(
      "Let the model go on with what you have annotated: a few minutes after which it knows images of this kind. One that is done is enough to begin with. It takes all that is annotated for finished.",
    )
    .argument("<paths...>", "annotated images or volumes, or folders of them")
    .option("-o, --output <folder>", `where the model is kept (default: ${ADAPTED_FOLDER} in the project's folder)`)
    .option("--from <model>", "begin with this trained model: the name of a shipped one, or a folder", "general")
    .option(
      "--steps <number>",
      `training steps, a multiple of ${CYCLE} (default: those of configs/${CONFIG})`,
      stepCount,
    )
    .option("--seed <number>", "another seed gives another model", wholeNumber(0))
    .option("--threads <number>", "processor threads; 0 lets the engine choose", wholeNumber(0), 0)
    .option("--json", "print the model's folder and what it was made from as JSON", false)
    .addHelpText(
      "after",
      `\nThe app proposes with the model that it finds in a project's ${ADAPTED_FOLDER}. Adapt again when more is annotated; remove that folder, and the shipped model\nproposes again. What to expect: docs/adapting.md.`,
    )
    .action(adapt);
}

function stepCount(text: string): number {
  const steps = wholeNumber(CYCLE)(text);
  if (steps % CYCLE === 0) return steps;
  throw new InvalidArgumentError(`Give a multiple of ${CYCLE}, such as ${Math.round(steps / CYCLE) * CYCLE}.`);
}

async function adapt(paths: readonly string[], options: Options): Promise<void> {
  const place = await mkdtemp(join(tmpdir(), "tendril-adapt-"));
  const stop = removeWhenStopped(place);
  try {
    await adaptIn(place, paths, options, stop);
  } finally {
    await rm(place, { recursive: true, force: true });
    stop.forget();
  }
}

/** @param place  for what is needed on the way */
async function adaptIn(place: string, paths: readonly string[], options: Options, stop: Stop): Promise<void> {
  const from = await readModel(options.from);
  const config = await configFor(from, options);
  const found = await findAnnotated(paths);
  const output = options.output ?? join(await projectOf(found), ADAPTED_FOLDER);
  const images = await withBar("images", (onProgress) => loadOwnImages(ownImages(found, onProgress)));
  const model = await run(config, from, images, place, options);
  // Half of one model and half of another is none: what has been begun here is finished, in less than a second.
  stop.ignore();
  await publish(model, output);
  const structures = [...new Set(images.items.flatMap(({ masks }) => masks.map(({ structure }) => structure)))];
  if (options.json) console.log(JSON.stringify({ model: output, images: images.items.length, structures }));
  else console.log(output);
  console.error(`Adapted to ${images.items.length} images or slices of ${structures.join(", ")}.`);
}

interface Stop {
  /** From here on the work is finished all the same. */
  ignore(): void;
  forget(): void;
}

/** Ends the process at once when it is stopped: nothing has been changed, and there is nothing to go on with. */
function removeWhenStopped(place: string): Stop {
  let isIgnored = false;
  const stopWith = (exitCode: number) => () => {
    if (isIgnored) return;
    rmSync(place, { recursive: true, force: true });
    console.error("Stopped. The project's model is as it was.");
    process.exit(exitCode);
  };
  const listeners = Object.entries({ ...STOPPED_BY, ...WITHOUT_PARENT }).map(([event, exitCode]) => {
    const listener = stopWith(exitCode);
    process.on(event, listener);
    return [event, listener] as const;
  });
  // It may be gone before anybody listens.
  if (process.send && !process.connected) stopWith(WITHOUT_PARENT.disconnect)();
  return {
    ignore() {
      isIgnored = true;
    },
    forget() {
      for (const [event, listener] of listeners) process.off(event, listener);
    },
  };
}

/** The shipped configuration, for the network of the model that it begins with. */
async function configFor(from: Model, { steps, seed }: Options): Promise<GeneralConfig> {
  const { name, kind, weightsSha256 } = from.card;
  if (kind !== "general") throw new UsageError(`${name} is no general model, and no other can be adapted.`);
  const shipped = parseConfig(await readText(join(packageFolder(), "configs", CONFIG), CONFIG_LIMIT), CONFIG);
  const changed = {
    ...shipped,
    ...(steps === undefined ? {} : { steps, checkpointEvery: steps }),
    ...(seed === undefined ? {} : { seed }),
    model: shapeOf(from.card, name),
    from: { model: name, weightsSha256 },
  };
  // Once more, for what the options have changed.
  return parseConfig(JSON.stringify(changed), CONFIG) as GeneralConfig;
}

/** @throws {UsageError} when the images are of several projects */
async function projectOf(found: readonly Found[]): Promise<string> {
  const folders = new Set<string>();
  for (const { files } of found) folders.add(await projectFolderOf(files));
  const [first, ...others] = folders;
  if (others.length > 0)
    throw new UsageError(
      `These images belong to ${folders.size} projects (${[...folders].map((folder) => relative(".", folder) || ".").join(", ")}). Name the model's folder with -o.`,
    );
  return first;
}

async function* ownImages(
  found: readonly Found[],
  onProgress: (done: number, total: number) => void,
): AsyncGenerator<OwnImage> {
  for (const [i, one] of found.entries()) {
    onProgress(i, found.length);
    yield* ownImagesOf(await readAnnotated(one, false), "own", i + 1);
  }
  onProgress(found.length, found.length);
}

/** @returns the folder of the trained model, below `place` */
async function run(
  config: GeneralConfig,
  from: Model,
  images: AnnotatedImages,
  place: string,
  { threads }: Options,
): Promise<string> {
  const runtime = nodeRuntime({ threads });
  const features = await withBar("features", (onProgress) =>
    loadFeatures(images, config.model.features, {
      ...{ runtime, onProgress, from: from.weights },
      cache: join(place, "features"),
    }),
  );
  return withBar("training", (onProgress) =>
    train(config, {
      ...{ data: { images, ...features, regions: null }, from, runtime },
      folder: join(place, "run"),
      resume: false,
      onStep({ step }) {
        onProgress(step, config.steps);
        // To whoever has started this as a child process: the server does. That it is gone is told by its event.
        process.send?.(
          { done: step, total: config.steps } satisfies AdaptProgress,
          undefined,
          undefined,
          () => undefined,
        );
      },
    }),
  );
}

/** In the place of an older one, its card last: a power cut in between leaves a folder that is refused. */
async function publish(model: string, output: string): Promise<void> {
  const names = (await readdir(model)).filter((name) => name !== MODEL_FILES.card);
  for (const name of [...names, MODEL_FILES.card])
    await fillFolder(output, { [name]: await readLimited(join(model, name), MODEL_LIMIT) });
}
