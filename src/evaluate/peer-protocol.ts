/**
 * A method's side of the talk with the peers' harness: JSON lines, version 1 (`bench/peers/PROTOCOL.md` of the project's shared
 * material). One line in, one line out; what is wrong with a message is the answer to it, and the talk goes on.
 */
import { z } from "zod";
import { type Grid, jsonFault, TendrilError } from "../core/index.ts";
import { decodeImage } from "../image/index.ts";
import { type Answer, type Mark, type Method, type OpenImage, shownUnasked } from "./method.ts";

const VERSION = 1;
/** Longest side of an image that is talked about. */
const MOST_SIDE = 4096;
/** Candidates that are given at most, whatever is asked for. */
const MOST_CANDIDATES = 64;

const side = z.int().min(1).max(MOST_SIDE);
const array = z.object({
  width: side,
  height: side,
  encoding: z.enum(["raw", "png"]).default("raw"),
  data: z.string(),
});
const prompt = z.object({
  kind: z.enum(["scribble", "click", "box", "brush"]),
  label: z.union([z.literal(0), z.literal(1)]),
  points: z.array(z.tuple([z.number(), z.number()])).min(1),
  pixels: array,
});
const id = z.int();
const count = z.int().min(1).optional();
const message = z.discriminatedUnion("type", [
  z.object({ type: z.literal("hello"), id, protocol: z.literal(VERSION), k: count }),
  z.object({ type: z.literal("open"), id, image: array, valid: array.optional() }),
  z.object({
    type: z.literal("predict"),
    id,
    action: z.enum(["stroke", "pick"]),
    k: count,
    prompts: z.array(prompt).min(1),
    current: z.object({ m: array, s: array, shown: array.optional() }),
  }),
  z.object({ type: z.literal("close"), id }),
]);

type Message = z.infer<typeof message>;
type Asked<Type extends Message["type"]> = Extract<Message, { type: Type }>;
type Encoded = z.infer<typeof array>;

/** A message that cannot be answered. */
export class TalkError extends TendrilError {
  constructor(text: string, options?: ErrorOptions) {
    super("talk", text, options);
  }
}

export interface TalkOptions {
  /** Of the method, for the harness's tables. */
  readonly name: string;
  /** Candidates that are given at most, whatever is asked for. */
  readonly count?: number;
}

/**
 * @returns  answers one message, given and answered without its line feed; calls must not overlap. Only a defect of ours is thrown.
 */
export function peerTalk(method: Method, { name, count: most = MOST_CANDIDATES }: TalkOptions) {
  let wanted = most;
  let open: (Grid & { readonly work: OpenImage }) | null = null;

  const requireOpen = (type: string) => {
    if (!open) throw new TalkError(`${type} without an image: send open first.`);
    return open;
  };

  const answer = async (asked: Message): Promise<object> => {
    switch (asked.type) {
      case "hello":
        wanted = Math.min(most, asked.k ?? most);
        return { protocol: VERSION, name, stroke: method.pen, opening: [OPENING[method.opening]], encoding: "raw" };
      case "open":
        open = null;
        open = await openCase(method, asked);
        return {};
      case "predict": {
        const { work, width, height } = requireOpen("predict");
        return predict(work, { width, height }, asked, Math.min(most, asked.k ?? wanted));
      }
      case "close":
        requireOpen("close");
        open = null;
        return {};
    }
  };

  return async (line: string): Promise<string> => {
    let asker: number | null = null;
    try {
      const value = parseJson(line);
      asker = id.safeParse((value as { id?: unknown } | null)?.id).data ?? null;
      const asked = checked(value);
      return JSON.stringify({ type: REPLIES[asked.type], id: asked.id, ...(await answer(asked)) });
    } catch (error) {
      if (!(error instanceof TendrilError)) throw error;
      return JSON.stringify({ type: "error", id: asker, message: error.message });
    }
  };
}

/** The protocol's words. */
const OPENING = { stroke: "positive", box: "box" } as const;

const REPLIES: Readonly<Record<Message["type"], string>> = {
  hello: "hello",
  open: "opened",
  predict: "candidates",
  close: "closed",
};

async function openCase(method: Method, { image, valid }: Asked<"open">) {
  const { width, height } = image;
  const data = pixelsOf(image, "image");
  const onImage = valid ? maskOf(valid, image, "valid") : new Uint8Array(data.length).fill(1);
  const work = await method.open({ width, height, data, maximum: 255 }, onImage);
  return { width, height, work };
}

async function predict(work: OpenImage, grid: Grid, { action, prompts, current }: Asked<"predict">, most: number) {
  const marks = prompts.map(
    ({ kind, label, points, pixels }, i): Mark => ({
      kind,
      label,
      points,
      pixels: maskOf(pixels, grid, `prompts[${i}].pixels`),
    }),
  );
  const partialness = maskOf(current.m, grid, "current.m");
  const segmentation = maskOf(current.s, grid, "current.s").map((value, i) => value & partialness[i]);
  const shown = current.shown ? maskOf(current.shown, grid, "current.shown") : segmentation;
  const candidates = await work.candidates(marks, { ...grid, partialness, segmentation, shown }, most);
  return {
    candidates: candidates.map((candidate) => encodeAnswer(candidate)),
    show: shownUnasked(action, candidates.length),
  };
}

function encodeAnswer({ width, height, partialness, segmentation, shown }: Answer) {
  const raw = (mask: Uint8Array) => ({ width, height, encoding: "raw", data: Buffer.from(mask).toString("base64") });
  return { m: raw(partialness), s: raw(segmentation), shown: raw(shown) };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new TalkError(`The message is not JSON: ${jsonFault(cause)}.`, { cause });
  }
}

function checked(value: unknown): Message {
  const parsed = message.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message: why }) => `${path.join(".") || "the message"}: ${why}`);
  throw new TalkError(`${faults.join("; ")}. The protocol's version is ${VERSION}.`);
}

/** Any value that is not 0 is on. */
function maskOf(encoded: Encoded, grid: Grid, what: string): Uint8Array {
  if (encoded.width !== grid.width || encoded.height !== grid.height)
    throw new TalkError(
      `${what} is ${encoded.width}x${encoded.height}, but the image is ${grid.width}x${grid.height}.`,
    );
  return pixelsOf(encoded, what).map((value) => Number(value > 0));
}

function pixelsOf({ width, height, encoding, data }: Encoded, what: string): Uint8Array {
  const bytes = Buffer.from(data, "base64");
  if (encoding === "raw") {
    if (bytes.length !== width * height)
      throw new TalkError(`${what} holds ${bytes.length} bytes; ${width}x${height} needs ${width * height}.`);
    return new Uint8Array(bytes);
  }
  const image = decodeImage(bytes, what);
  if (image.width !== width || image.height !== height || image.maximum !== 255)
    throw new TalkError(
      `${what} is a PNG of ${image.width}x${image.height} with largest value ${image.maximum}, but is to be an 8-bit one of ${width}x${height}.`,
    );
  return image.data as Uint8Array;
}
