/**
 * The codecs of JPEG files and of compressed DICOM: CharLS, OpenJPEG, OpenJPH and libjpeg-turbo as WebAssembly, and JPEG lossless of our own. Each of the libraries is
 * loaded by the first frame that needs it. A codec that breaks is replaced for the next frame, and the broken frame is refused.
 */
import type { Codestream } from "./dicom-codestream.ts";
import { ImageFormatError } from "./errors.ts";
import { LosslessError, unpackLossless } from "./jpeg-lossless.ts";

export type CodecName = "jpeg" | "jpeg-lossless" | "jpeg-ls" | "jpeg-2000" | "htj2k";

/** Samples of a frame in the codec's order, and what it says of them. */
export interface Decoded {
  /** [pixels, samples], or [samples, pixels] when planar; little endian, 2 bytes each above 8 bits */
  readonly samples: Uint8Array;
  readonly bits: number;
  readonly isPlanar: boolean;
}

interface WasmDecoder {
  /** A view of the codec's memory, to be filled; valid until the next call. */
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): { width: number; height: number; bitsPerSample?: number; componentCount: number };
  /** CharLS alone: 0 when its samples are planar */
  getInterleaveMode?(): number;
  delete(): void;
}

interface WasmCodec {
  readonly HEAPU8: Uint8Array;
  readonly [decoder: string]: unknown;
}

interface StartOptions {
  readonly print: () => void;
  readonly printErr: () => void;
  readonly locateFile?: () => string;
}

/** What a codec cannot unpack. Who asked says which file it was. */
export class UnpackError extends Error {}

export type StartCodec = (options: StartOptions) => Promise<WasmCodec>;

type WasmName = Exclude<CodecName, "jpeg-lossless">;

interface Package {
  readonly decoder: string;
  readonly start: () => Promise<{ default: StartCodec }>;
  /** Address of the WebAssembly file in the page. In Node the package finds its own. */
  readonly address: () => Promise<{ default: string }>;
}

const PACKAGES: Readonly<Record<WasmName, Package>> = {
  jpeg: {
    decoder: "JPEGDecoder",
    start: () => import("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs"),
    address: () => import("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm?url"),
  },
  "jpeg-ls": {
    decoder: "JpegLSDecoder",
    start: () => import("@cornerstonejs/codec-charls/decodewasmjs"),
    address: () => import("@cornerstonejs/codec-charls/decodewasm?url"),
  },
  "jpeg-2000": {
    decoder: "J2KDecoder",
    start: () => import("@cornerstonejs/codec-openjpeg/decodewasmjs"),
    address: () => import("@cornerstonejs/codec-openjpeg/decodewasm?url"),
  },
  htj2k: {
    decoder: "HTJ2KDecoder",
    start: () => import("@cornerstonejs/codec-openjph/wasmjs"),
    address: () => import("@cornerstonejs/codec-openjph/wasm?url"),
  },
};

/** A codec's memory only grows. Past this many bytes it is given back after use, and the next frame starts a new one. */
const KEPT_MEMORY = 256 * 2 ** 20;

const running = new Map<WasmName, Promise<WasmCodec>>();

/**
 * @param frame  whose size is known to be that of the image
 * @throws {ImageFormatError} when the codec refuses the frame or breaks
 */
export async function decodeCoded(name: CodecName, frame: Codestream, source: string): Promise<Decoded> {
  try {
    if (name !== "jpeg-lossless") return await decodeWasm(name, frame);
    const samples = unpackLossless(frame);
    return { samples: new Uint8Array(samples.buffer), bits: frame.bits, isPlanar: false };
  } catch (cause) {
    if (!(cause instanceof UnpackError || cause instanceof LosslessError)) throw cause;
    throw new ImageFormatError("damaged", {
      source,
      message: `is a damaged DICOM file: its compressed pixels (${frame.width} x ${frame.height}) cannot be unpacked. Copy or export it again.`,
      cause,
    });
  }
}

/**
 * @returns the samples, after a check that they are as many as they must be
 * @throws {UnpackError} when the codec refuses the frame or breaks; a codec that cannot be loaded is no fault of the frame
 */
export async function decodeWasm(
  name: WasmName,
  frame: Pick<Codestream, "coded" | "width" | "height" | "components">,
): Promise<Decoded> {
  const starting = codecOf(name);
  const codec = await starting;
  // Another frame may have broken it meanwhile. From here on nothing is waited for.
  if (running.get(name) !== starting) return decodeWasm(name, frame);
  const { coded, width, height, components } = frame;
  const Decoder = codec[PACKAGES[name].decoder] as new () => WasmDecoder;
  const decoder = new Decoder();
  let isSound = false;
  try {
    try {
      decoder.getEncodedBuffer(coded.length).set(coded);
      decoder.decode();
      const info = decoder.getFrameInfo();
      const bits = info.bitsPerSample ?? 8;
      const samples = decoder.getDecodedBuffer();
      const expected = width * height * components * (bits > 8 ? 2 : 1);
      isSound = true;
      if (info.width !== width || info.height !== height || samples.length !== expected)
        throw new Error(`decoded ${info.width} x ${info.height} x ${info.componentCount}, ${samples.length} bytes`);
      // A copy, because the samples lie in the codec's memory, and of this kind: libjpeg-turbo gives clamped bytes.
      return {
        samples: new Uint8Array(samples),
        bits,
        isPlanar: components > 1 && decoder.getInterleaveMode?.() === 0,
      };
    } catch (cause) {
      // The codec's own exception comes out as its address, a number. After anything else nobody knows what state it is in.
      isSound ||= typeof cause === "number";
      throw cause;
    } finally {
      if (isSound) {
        // A frame may have written beyond its memory, which shows when it is given back.
        isSound = false;
        decoder.delete();
        isSound = true;
      }
    }
  } catch (cause) {
    throw new UnpackError(name, { cause });
  } finally {
    if (!isSound || codec.HEAPU8.length > KEPT_MEMORY) running.delete(name);
  }
}

function codecOf(name: WasmName): Promise<WasmCodec> {
  const known = running.get(name);
  if (known) return known;
  const starting = startCodec(PACKAGES[name]);
  running.set(name, starting);
  // Whoever waits for it is told; the next frame tries again.
  starting.catch(() => running.delete(name));
  return starting;
}

async function startCodec({ start, address }: Package): Promise<WasmCodec> {
  const { default: run } = await start();
  const quiet = { print: () => {}, printErr: () => {} };
  const isNode = typeof process === "object" && typeof process.versions?.node === "string";
  if (isNode) return run(quiet);
  const { default: url } = await address();
  return run({ ...quiet, locateFile: () => url });
}
