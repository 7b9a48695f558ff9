/** What is used of libjpeg-turbo as cornerstone packs it, which has no types of its own. */
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decode" {
  export interface FrameInfo {
    readonly width: number;
    readonly height: number;
    readonly componentCount: number;
  }

  export interface JpegDecoder {
    /** A view of the codec's memory, to be filled with the file; valid until the next call. */
    getEncodedBuffer(length: number): Uint8Array;
    decode(): void;
    /** A view of the codec's memory: [H, W, 1] gray or [H, W, 3] red, green, blue. */
    getDecodedBuffer(): Uint8Array;
    getFrameInfo(): FrameInfo;
    delete(): void;
  }

  export interface JpegCodec {
    readonly JPEGDecoder: new () => JpegDecoder;
    readonly HEAPU8: Uint8Array;
  }

  const start: (options: { readonly print: () => void; readonly printErr: () => void }) => Promise<JpegCodec>;
  export default start;
}
