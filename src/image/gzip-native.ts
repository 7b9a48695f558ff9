/**
 * gzip files unpacked by the runtime itself (DecompressionStream, of browsers and Node), which takes about half the time that our own way does and compares the same
 * checksum and size. It says of a file no more than that something is wrong, and of several members browsers read the first alone: whatever it does not unpack to the
 * end without a complaint is left to `gunzip`, which finds out where and why.
 */
import { gunzip, gunzipStart } from "./gzip.ts";

/** Packed bytes that are handed over at once. They may unpack to 32 MiB before the limit is seen. */
const STEP = 2 ** 15;

/** As `gunzip`. */
export async function gunzipNatively(bytes: Uint8Array, limit: number, source: string) {
  const { pieces, size, isSound } = await unpack(bytes, limit);
  // Some runtimes pass over what follows the last member; the file ends with that one's size, modulo 2^32.
  const last = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
  return isSound && size <= limit && size % 2 ** 32 === last ? joined(pieces, size) : gunzip(bytes, limit, source);
}

/** As `gunzipStart`; of a part of a file the last bytes may be missing. */
export async function gunzipStartNatively(bytes: Uint8Array, count: number, source: string): Promise<Uint8Array> {
  const { pieces, size } = await unpack(bytes, count);
  return size > 0 ? joined(pieces, size).subarray(0, count) : gunzipStart(bytes, count, source);
}

interface Unpacked {
  readonly pieces: readonly Uint8Array[];
  /** Bytes of all pieces together */
  readonly size: number;
  /** Whether it came to the end, or to the limit, and found nothing wrong */
  readonly isSound: boolean;
}

/** @param limit  nothing is unpacked beyond the piece that goes past so many bytes */
async function unpack(bytes: Uint8Array, limit: number): Promise<Unpacked> {
  const reader = stepsOf(bytes).pipeThrough(new DecompressionStream("gzip")).getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    while (size <= limit) {
      const { done, value } = await reader.read();
      if (done) return { pieces, size, isSound: true };
      pieces.push(value);
      size += value.length;
    }
    await reader.cancel();
    return { pieces, size, isSound: true };
  } catch {
    return { pieces, size, isSound: false };
  }
}

function stepsOf(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      // A copy: what lies in shared memory is not taken.
      if (at < bytes.length) controller.enqueue(new Uint8Array(bytes.subarray(at, at + STEP)));
      else controller.close();
      at += STEP;
    },
  });
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
