/** The routes under /api, as the table in docs/architecture.md has them. */
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { onFile } from "../files/index.ts";
import { IMAGE_FILE_LIMIT, type ImageFiles, shownLabels, toText } from "../project/index.ts";
import type { Adaptation, AdaptationReport } from "./adaptation.ts";
import type { ImageCollection, OpenImage } from "./collection.ts";
import type { Desk } from "./desk.ts";
import { RequestError } from "./errors.ts";
import type { DropFolder } from "./upload.ts";

/** Bytes; a candidate on an image of 8,192 rows can take more than the 1 MiB of other requests. */
const ACTIONS_LIMIT = 16 * 2 ** 20;
const ACTIONS_AT_ONCE = 10_000;
const NAME_LIMIT = 1024;
/** Bytes; with 64 KiB a volume of 150 MB takes half as long again. */
const READ_AT_ONCE = 2 ** 20;

const tab = z.uuid();
const tabOnly = z.strictObject({ tab });
const exporting = z.strictObject({ tab, replace: z.boolean().default(false) });
const appended = z.strictObject({
  tab,
  after: z.int().nonnegative(),
  actions: z.array(z.unknown()).max(ACTIONS_AT_ONCE),
});
const labelChange = z.strictObject({
  value: z.int().positive().optional(),
  // The rules for names are the project's own, with sentences for them.
  name: z.string().max(NAME_LIMIT),
  color: z.string().regex(/^#[0-9a-f]{6}$/i),
});
const labelValue = z.object({ value: z.coerce.number().int().positive() });
const modelChoice = z.strictObject({ own: z.boolean() });
const byId = z.object({ id: z.string() });
const upload = z.strictObject({ name: z.string().min(1).max(NAME_LIMIT) });

export interface ApiOptions {
  readonly images: ImageCollection;
  readonly desk: Desk;
  readonly drops: DropFolder;
  readonly adaptation: Adaptation;
  /** What the page shows: the project folder's name, and where dropped files are kept. */
  readonly project: { readonly name: string; readonly folder: string };
}

export function addApi(api: FastifyInstance, { images, desk, drops, adaptation, project }: ApiOptions): void {
  const imageOf = (params: unknown): OpenImage => images.get(parse(byId, params).id);

  api.get("/images", async () => {
    const listed = [];
    // One after another: a folder of 10,000 would otherwise open as many journals at once.
    for (const image of images.list()) {
      const { id, name } = image;
      listed.push({ id, name, actions: await desk.actionsOf(image) });
    }
    return { project: project.name, folder: project.folder, images: listed, refused: images.refused };
  });

  api.get("/images/:id/files", async ({ params }) => {
    const image = imageOf(params);
    return { part: image.files.part, parts: images.partsOf(image), files: await sizesOf(image.files) };
  });

  api.get("/images/:id/file", async ({ params, headers }, reply) => {
    const { files } = imageOf(params);
    const sizes = await sizesOf(files);
    const size = sizes.reduce((sum, file) => sum + file.size, 0);
    const part = partOf(headers.range, size);
    const { start, end } = part ?? { start: 0, end: size };
    if (part) reply.code(206).header("content-range", `bytes ${start}-${end - 1}/${size}`);
    const type = files.paths.length === 1 ? typeOf(files.paths[0]) : "application/octet-stream";
    reply.type(type).header("content-length", end - start);
    return reply.send(Readable.from(bytesOf(files, sizes, start, end), { objectMode: false }));
  });

  api.post("/images/:id/session", async ({ params, body }) => {
    const opened = imageOf(params);
    const { isWriter, work } = await desk.open(opened, parse(tabOnly, body).tab);
    const { header, actions, cut } = work.journal;
    const { tendril: _, image: name, ...rest } = header;
    const labels = shownLabels(await work.labels());
    const notes = [...work.notes, ...opened.notes];
    return { writer: isWriter, image: { name, ...rest }, labels, notes, actions: actions.map(toText), cut };
  });

  api.post("/images/:id/labels", async ({ params, body }) => {
    return { labels: shownLabels(await desk.changeLabel(imageOf(params), parse(labelChange, body))) };
  });

  api.delete("/images/:id/labels/:value", async ({ params, query }) => {
    const { value } = parse(labelValue, params);
    return { labels: shownLabels(await desk.removeLabel(imageOf(params), parse(tabOnly, query).tab, value)) };
  });

  api.post("/images/:id/actions", { bodyLimit: ACTIONS_LIMIT }, async ({ params, body }) => {
    const { tab, after, actions } = parse(appended, body);
    return { saved: await desk.append(imageOf(params), tab, after, actions) };
  });

  api.post("/images/:id/export", async ({ params, body }) => {
    const { replace } = parse(exporting, body);
    const { path, inside } = await (await desk.look(imageOf(params))).export(replace);
    return { path, inside };
  });

  api.get("/images/:id/mask", async ({ params }, reply) => {
    const { path, bytes } = await (await desk.look(imageOf(params))).mask();
    const name = encodeURIComponent(path.split("/").at(-1)!);
    return reply
      .type(typeOf(path))
      .header("content-disposition", `attachment; filename*=UTF-8''${name}`)
      .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  });

  api.get("/adaptation", async (): Promise<AdaptationReport> => adaptation.report());

  api.post("/adaptation", async () => {
    await adaptation.start();
    return adaptation.report();
  });

  api.delete("/adaptation", async () => {
    await adaptation.stop();
    return adaptation.report();
  });

  api.post("/adaptation/model", async ({ body }) => {
    adaptation.useOwn(parse(modelChoice, body).own);
    return adaptation.report();
  });

  api.register(async (uploads) => {
    // The body is not read here but streamed to the disk by the route.
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser(["application/octet-stream", "image/png"], async (_: unknown, body: Readable) => body);
    uploads.post("/images", { bodyLimit: IMAGE_FILE_LIMIT }, async ({ query, body }) => {
      if (!body) throw new RequestError(415, "media-type", "Send the file's bytes as application/octet-stream.");
      const path = await drops.keep(body as Readable, parse(upload, query).name);
      const [first] = await images.addFile(path);
      return { id: first.id };
    });
  });
}

/** Base names and bytes, in the order in which the files are served. */
function sizesOf({ paths }: ImageFiles): Promise<{ name: string; size: number }[]> {
  return Promise.all(
    paths.map(async (path) => ({ name: basename(path), size: (await onFile("read", path, () => stat(path))).size })),
  );
}

/** The files one after the other, from byte `start` to before `end`. */
async function* bytesOf({ paths }: ImageFiles, sizes: readonly { size: number }[], start: number, end: number) {
  let before = 0;
  for (const [i, path] of paths.entries()) {
    const [from, to] = [Math.max(0, start - before), Math.min(sizes[i].size, end - before)];
    before += sizes[i].size;
    if (from < to) yield* piecesOf(path, from, to);
  }
}

/** A stream for each of 300 files would take twice the time. */
async function* piecesOf(path: string, from: number, to: number) {
  const file = await open(path, "r");
  try {
    for (let at = from; at < to; ) {
      const length = Math.min(READ_AT_ONCE, to - at);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, at);
      // Shorter than it was: what was promised cannot be kept, and the page learns it from the length.
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

function typeOf(path: string): string {
  return /\.png$/i.test(path) ? "image/png" : "application/octet-stream";
}

/** The bytes from `start` to before `end` that a range header asks for; null for all: a header of another kind may be ignored (RFC 9110). */
function partOf(range: string | undefined, size: number): { start: number; end: number } | null {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(range ?? "") ?? [];
  if (first === undefined) return null;
  const [start, end] = [Number(first), Math.min(size, Number(last) + 1)];
  if (start < end) return { start, end };
  throw new RequestError(
    416,
    "bad-range",
    `The file has ${size} bytes; none of those that were asked for is among them.`,
  );
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new RequestError(400, "bad-request", `The request cannot be read: ${path.join(".") || "it"}: ${message}.`, {
    cause: parsed.error,
  });
}
