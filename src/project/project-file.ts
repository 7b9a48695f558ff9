/** `tendril.json`, beside the images or in the folder of the study: the project's version and its labels. */
import { dirname, join } from "node:path";
import { z } from "zod";
import { atomicWrite, FileError, readText } from "../files/index.ts";
import { ProjectFileError } from "./errors.ts";
import { folderOf, type ImageFiles } from "./image-files.ts";
import { LABEL_LIMIT, type ListedLabel } from "./labels.ts";

export const PROJECT_FILE = "tendril.json";
const PROJECT_FILE_LIMIT = 64 * 2 ** 20;
const LABEL_NAME_LIMIT = 256;

const schema = z
  .strictObject({
    tendril: z.literal(1),
    labels: z
      .array(
        z.strictObject({
          /** The label's value in an exported mask. */
          value: z.int().min(1).max(LABEL_LIMIT),
          name: z.string().trim().min(1).max(LABEL_NAME_LIMIT),
          /** On the screen and in exports. */
          color: z
            .string()
            .regex(/^#[0-9a-f]{6}$/i)
            .optional(),
        }),
      )
      .min(1)
      .max(LABEL_LIMIT),
  })
  .refine(({ labels }) => new Set(labels.map(({ value }) => value)).size === labels.length, "two labels share a value")
  .refine(({ labels }) => new Set(labels.map(({ name }) => name)).size === labels.length, "two labels share a name");

export type ProjectFile = z.infer<typeof schema>;

export const NEW_PROJECT: ProjectFile = { tendril: 1, labels: [{ value: 1, name: "Object" }] };

/**
 * @returns null when the folder has none yet
 * @throws {ProjectFileError} when it is damaged or of another version
 */
export async function readProjectFile(folder: string): Promise<ProjectFile | null> {
  const path = join(folder, PROJECT_FILE);
  try {
    return parse(await readText(path, PROJECT_FILE_LIMIT), path);
  } catch (cause) {
    if (cause instanceof FileError && cause.code === "ENOENT") return null;
    throw cause;
  }
}

/**
 * The folder whose project file an image goes by: its own, or else the one above that; or where it will be, when neither has one.
 *
 * @throws {ProjectFileError} when the one that is found is damaged
 */
export async function projectFolderOf(files: ImageFiles): Promise<string> {
  const own = folderOf(files);
  for (const folder of [own, dirname(own)]) if (await readProjectFile(folder)) return folder;
  return files.study ?? own;
}

/** The list of labels that an image goes by. @throws {ProjectFileError} when it is damaged */
export async function readLabels(files: ImageFiles): Promise<readonly ListedLabel[]> {
  return ((await readProjectFile(await projectFolderOf(files))) ?? NEW_PROJECT).labels;
}

/** Writes one with a single label where there is none; leaves an existing one alone. */
export async function ensureProjectFile(folder: string): Promise<ProjectFile> {
  const found = await readProjectFile(folder);
  if (found) return found;
  return writeLabels(folder, NEW_PROJECT.labels);
}

/** Replaces the list as a whole, or leaves the old one. */
export async function writeLabels(folder: string, labels: readonly ListedLabel[]): Promise<ProjectFile> {
  const project: ProjectFile = { tendril: 1, labels: [...labels] };
  await atomicWrite(join(folder, PROJECT_FILE), `${JSON.stringify(project, null, 2)}\n`);
  return project;
}

function parse(text: string, path: string): ProjectFile {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    const why =
      cause instanceof z.ZodError
        ? `${cause.issues[0].path.join(".") || "it"}: ${cause.issues[0].message}`
        : "it is no JSON text";
    throw new ProjectFileError(
      `Can't use ${path}: ${why}. The file was left as it is. Put it right, or delete it to get a new one.`,
      { cause },
    );
  }
}
