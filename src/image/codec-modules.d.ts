/** What is used of the codecs that cornerstone packs, and of the JPEG lossless decoder: they have no types of their own. */
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  const start: import("./codecs.ts").StartCodec;
  export default start;
}
declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  const start: import("./codecs.ts").StartCodec;
  export default start;
}
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs" {
  const start: import("./codecs.ts").StartCodec;
  export default start;
}
declare module "@cornerstonejs/codec-openjph/wasmjs" {
  const start: import("./codecs.ts").StartCodec;
  export default start;
}
declare module "jpeg-lossless-decoder-js" {
  export class Decoder {
    readonly frame: { readonly precision: number };
    readonly numComp: number;
    readonly xLoc: number;
    readonly yLoc: number;
    readonly yDim: number;
    decode(buffer: ArrayBuffer, offset: number, length: number): Uint8Array | Uint16Array;
  }
}
