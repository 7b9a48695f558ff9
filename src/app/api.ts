/** The local server's interface, as the page uses it (the table in docs/architecture.md). Replies are checked here, once. */
import { z } from "zod";
import { TendrilError } from "../core/index.ts";
import type { Label } from "../image/index.ts";
import { parseAction } from "../project/action-schema.ts";
import { toText } from "../project/action-text.ts";
import type { Action } from "../project/annotation.ts";
import type { LabelChange } from "../project/labels.ts";

/** The server refused (status 400 and up), answered nonsense, or did not answer at all (status 0). */
export class ApiError extends TendrilError {
  readonly status: number;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.status = status;
  }
}

const imageList = z.object({
  project: z.string(),
  /** Where dropped images are kept, as a person would write it. */
  folder: z.string(),
  images: z.array(z.object({ id: z.string(), name: z.string(), actions: z.number() })),
  refused: z.array(z.object({ name: z.string(), message: z.string() })).default([]),
});

const fileList = z.object({
  part: z.number(),
  parts: z.number(),
  files: z.array(z.object({ name: z.string(), size: z.number() })),
});

const labelList = z.array(z.object({ value: z.number(), name: z.string(), color: z.string() })).min(1);

const sessionReply = z.object({
  writer: z.boolean(),
  image: z.object({
    name: z.string(),
    width: z.number(),
    height: z.number(),
    depth: z.number().optional(),
    sha256: z.string(),
  }),
  /** Of its project, and what else it has changes of; the first first */
  labels: labelList,
  /** What was noticed when the image was found, a sentence each. */
  notes: z.array(z.string()).default([]),
  actions: z.array(z.unknown()),
  cut: z.number(),
});

const labelsReply = z.object({ labels: labelList });
const saved = z.object({ saved: z.number() });
const exported = z.object({ path: z.string(), inside: z.number() });
const uploaded = z.object({ id: z.string() });
const adaptation = z.object({
  state: z.enum(["none", "running", "done", "failed", "stopped"]),
  /** Training steps; both 0 while the images are still read. */
  done: z.number(),
  total: z.number(),
  secondsLeft: z.number().nullable(),
  /** Annotated ones: those that it is adapted to, else how many there are. */
  images: z.number(),
  /** Whether the project has a model of its own, and whether that one proposes. */
  hasOwn: z.boolean(),
  isAdapted: z.boolean(),
  /** Whether a model was named at the start, which then always proposes. */
  isNamed: z.boolean(),
  /** How often another model has come to propose since the server began. */
  modelChanges: z.number(),
  message: z.string().optional(),
});
const refusal = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export type ImageList = z.infer<typeof imageList>;
export type Adaptation = z.infer<typeof adaptation>;
export type Session = Omit<z.infer<typeof sessionReply>, "actions"> & { readonly actions: readonly Action[] };

/** A request without an answer for so long counts as lost, milliseconds; a dead server refuses at once. */
const PATIENCE = 20_000;

const ADAPTATION = "/api/adaptation";

export class Api {
  /** Of this start of the server; a new start has a new one. */
  token: string;
  private readonly tab: string;

  /** @param tab  names this tab to the server, which lets one tab write */
  constructor(token: string, tab: string) {
    this.token = token;
    this.tab = tab;
  }

  images(): Promise<ImageList> {
    return this.json("GET", "/api/images", imageList);
  }

  /** The image's files, and which of how many images in them it is. */
  files(id: string): Promise<z.infer<typeof fileList>> {
    return this.json("GET", `${pathOf(id)}/files`, fileList);
  }

  /** The bytes of all its files, one after the other. */
  async file(id: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.request("GET", `${pathOf(id)}/file`)).arrayBuffer());
  }

  /** Of those, the ones from `start` to before `end`, or fewer where it ends earlier. */
  async part(id: string, start: number, end: number): Promise<Uint8Array> {
    const headers = { range: `bytes=${start}-${end - 1}` };
    const response = await this.request("GET", `${pathOf(id)}/file`, undefined, undefined, headers);
    return new Uint8Array(await response.arrayBuffer());
  }

  async session(id: string): Promise<Session> {
    const reply = await this.json("POST", `${pathOf(id)}/session`, sessionReply, { tab: this.tab });
    return { ...reply, actions: reply.actions.map((action) => parseAction(action, reply.image)) };
  }

  /** Adds a label to the image's project, or changes one. @returns all of them */
  async changeLabel(id: string, change: LabelChange): Promise<readonly Label[]> {
    return (await this.json("POST", `${pathOf(id)}/labels`, labelsReply, change)).labels;
  }

  /** Takes one that no image uses out of the project. @returns the others */
  async removeLabel(id: string, value: number): Promise<readonly Label[]> {
    return (await this.json("DELETE", `${pathOf(id)}/labels/${value}?tab=${this.tab}`, labelsReply)).labels;
  }

  /** @returns how many actions are on disk and synced */
  async append(id: string, after: number, actions: readonly Action[]): Promise<number> {
    const body = { tab: this.tab, after, actions: actions.map(toText) };
    return (await this.json("POST", `${pathOf(id)}/actions`, saved, body)).saved;
  }

  /** @param isReplacing  whether a file that another program wrote in the mask's place gives way; else it is refused as "not-ours" */
  export(id: string, isReplacing: boolean): Promise<{ path: string; inside: number }> {
    return this.json("POST", `${pathOf(id)}/export`, exported, { tab: this.tab, replace: isReplacing });
  }

  async mask(id: string): Promise<Blob> {
    return (await this.request("GET", `${pathOf(id)}/mask`)).blob();
  }

  /** How far adapting the model to the images is, and whose model proposes. */
  adaptation(): Promise<Adaptation> {
    return this.json("GET", ADAPTATION, adaptation);
  }

  startAdapting(): Promise<Adaptation> {
    return this.json("POST", ADAPTATION, adaptation);
  }

  /** Answered once it has ended. */
  stopAdapting(): Promise<Adaptation> {
    return this.json("DELETE", ADAPTATION, adaptation);
  }

  /** Until the server ends. @param isOwn  whether the project's own model proposes, or the shipped one */
  useOwnModel(isOwn: boolean): Promise<Adaptation> {
    return this.json("POST", `${ADAPTATION}/model`, adaptation, { own: isOwn });
  }

  async upload(file: File): Promise<string> {
    const path = `/api/images?name=${encodeURIComponent(file.name)}`;
    const response = await this.request("POST", path, file, "application/octet-stream");
    return this.parsed(await response.json(), uploaded).id;
  }

  private async json<T>(method: string, path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await this.request(method, path, text, "application/json");
    return this.parsed(await response.json(), schema);
  }

  private parsed<T>(reply: unknown, schema: z.ZodType<T>): T {
    const { success, data, error } = schema.safeParse(reply);
    if (!success)
      throw new ApiError(502, "bad-reply", "The server is of another version than this page. Reload the page.", {
        cause: error,
      });
    return data;
  }

  private async request(
    method: string,
    path: string,
    body?: BodyInit,
    type = "text/plain",
    more: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const headers: Record<string, string> = { "x-tendril-token": this.token, ...more };
    if (body !== undefined) headers["content-type"] = type;
    const response = await fetch(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(PATIENCE),
    }).catch((cause: unknown) => {
      throw new ApiError(0, "unreachable", `Lost the server at ${location.host}.`, { cause });
    });
    if (response.ok) return response;
    const said = refusal.safeParse(await response.json().catch(() => null));
    throw said.success
      ? new ApiError(response.status, said.data.error.code, said.data.error.message)
      : new ApiError(response.status, "refused", `The server refused ${method} ${path} (${response.status}).`);
  }
}

function pathOf(id: string): string {
  return `/api/images/${encodeURIComponent(id)}`;
}
