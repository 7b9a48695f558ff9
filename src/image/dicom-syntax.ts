/** The transfer syntaxes of DICOM (PS3.6, annex A): how a file's elements and pixels are written. */

/** How pixels are packed. */
export type Packing = "native" | "rle" | "jpeg" | "jpeg-lossless" | "jpeg-ls" | "jpeg-2000" | "htj2k";

export interface TransferSyntax {
  readonly name: string;
  readonly packing: Packing;
  readonly isExplicit: boolean;
  readonly isLittle: boolean;
  readonly isDeflated: boolean;
}

const PREFIX = "1.2.840.10008.1.2";

function native(name: string, { isExplicit = true, isLittle = true, isDeflated = false } = {}): TransferSyntax {
  return { name, packing: "native", isExplicit, isLittle, isDeflated };
}

function packed(name: string, packing: Packing): TransferSyntax {
  return { ...native(name), packing };
}

export const IMPLICIT_LITTLE = native("implicit little endian", { isExplicit: false });
export const EXPLICIT_LITTLE = native("explicit little endian");

const READ: Readonly<Record<string, TransferSyntax>> = {
  [PREFIX]: IMPLICIT_LITTLE,
  [`${PREFIX}.1`]: EXPLICIT_LITTLE,
  [`${PREFIX}.1.99`]: native("deflated explicit little endian", { isDeflated: true }),
  [`${PREFIX}.2`]: native("explicit big endian", { isLittle: false }),
  [`${PREFIX}.5`]: packed("RLE", "rle"),
  [`${PREFIX}.4.50`]: packed("JPEG baseline", "jpeg"),
  [`${PREFIX}.4.51`]: packed("JPEG extended", "jpeg"),
  [`${PREFIX}.4.57`]: packed("JPEG lossless", "jpeg-lossless"),
  [`${PREFIX}.4.70`]: packed("JPEG lossless, first-order prediction", "jpeg-lossless"),
  [`${PREFIX}.4.80`]: packed("JPEG-LS lossless", "jpeg-ls"),
  [`${PREFIX}.4.81`]: packed("JPEG-LS near-lossless", "jpeg-ls"),
  [`${PREFIX}.4.90`]: packed("JPEG 2000 lossless", "jpeg-2000"),
  [`${PREFIX}.4.91`]: packed("JPEG 2000", "jpeg-2000"),
  [`${PREFIX}.4.201`]: packed("high-throughput JPEG 2000 lossless", "htj2k"),
  [`${PREFIX}.4.202`]: packed("high-throughput JPEG 2000 lossless (RPCL)", "htj2k"),
  [`${PREFIX}.4.203`]: packed("high-throughput JPEG 2000", "htj2k"),
};

const NOT_READ: Readonly<Record<string, string>> = {
  [`${PREFIX}.1.98`]: "encapsulated uncompressed explicit little endian",
  [`${PREFIX}.4.52`]: "JPEG extended (processes 3 and 5)",
  [`${PREFIX}.4.53`]: "JPEG spectral selection (processes 6 and 8)",
  [`${PREFIX}.4.54`]: "JPEG spectral selection (processes 7 and 9)",
  [`${PREFIX}.4.55`]: "JPEG progressive (processes 10 and 12)",
  [`${PREFIX}.4.56`]: "JPEG progressive (processes 11 and 13)",
  [`${PREFIX}.4.58`]: "JPEG lossless (process 15)",
  [`${PREFIX}.4.92`]: "JPEG 2000 part 2 lossless",
  [`${PREFIX}.4.93`]: "JPEG 2000 part 2",
  [`${PREFIX}.4.94`]: "JPIP referenced",
  [`${PREFIX}.4.95`]: "JPIP referenced deflate",
  [`${PREFIX}.4.100`]: "MPEG-2 main profile, main level",
  [`${PREFIX}.4.100.1`]: "MPEG-2 main profile, main level, fragmentable",
  [`${PREFIX}.4.101`]: "MPEG-2 main profile, high level",
  [`${PREFIX}.4.101.1`]: "MPEG-2 main profile, high level, fragmentable",
  [`${PREFIX}.4.102`]: "MPEG-4 AVC/H.264 high profile 4.1",
  [`${PREFIX}.4.102.1`]: "MPEG-4 AVC/H.264 high profile 4.1, fragmentable",
  [`${PREFIX}.4.103`]: "MPEG-4 AVC/H.264 BD-compatible",
  [`${PREFIX}.4.103.1`]: "MPEG-4 AVC/H.264 BD-compatible, fragmentable",
  [`${PREFIX}.4.104`]: "MPEG-4 AVC/H.264 high profile 4.2, 2D video",
  [`${PREFIX}.4.105`]: "MPEG-4 AVC/H.264 high profile 4.2, 3D video",
  [`${PREFIX}.4.106`]: "MPEG-4 AVC/H.264 stereo high profile",
  [`${PREFIX}.4.107`]: "HEVC/H.265 main profile",
  [`${PREFIX}.4.108`]: "HEVC/H.265 main 10 profile",
  [`${PREFIX}.4.110`]: "JPEG XL lossless",
  [`${PREFIX}.4.111`]: "JPEG XL JPEG recompression",
  [`${PREFIX}.4.112`]: "JPEG XL",
  [`${PREFIX}.4.204`]: "JPIP HTJ2K referenced",
  [`${PREFIX}.4.205`]: "JPIP HTJ2K referenced deflate",
  [`${PREFIX}.8.1`]: "deflated image frame",
  "1.2.840.113619.5.2": "GE private implicit VR with big-endian pixels",
};

export function transferSyntax(uid: string): TransferSyntax | null {
  return READ[uid] ?? null;
}

/** What to call a transfer syntax that is not read. Only a UID is quoted: the field might hold anything. */
export function syntaxName(uid: string): string {
  if (NOT_READ[uid]) return `${NOT_READ[uid]} (${uid})`;
  return /^[0-9.]{1,64}$/.test(uid) ? uid : "one that is no UID";
}
