/** Files with a text that is nowhere else in every place that a format has for one, and the search for such texts in what a program gives. */
import { deflateSync, gunzipSync } from "node:zlib";
import { NIFTI1, writeField } from "../../src/image/nifti-fields.ts";
import { fixture } from "./flat.ts";
import { nifti } from "./nifti.ts";
import { png } from "./png.ts";

/** Gives a new text each time. */
export type Plant = () => string;

/** @param texts  what was planted is added here */
export function planter(texts: string[], mark: string): Plant {
  return () => {
    texts.push(`QZ${mark}${texts.length.toString().padStart(3, "0")}XV`);
    return texts.at(-1)!;
  };
}

/** 4 x 3 x 2 voxels with texts in the header's fields and in an extension. */
export function loadedNifti(plant: Plant): Uint8Array {
  const plain = nifti({ size: [4, 3, 2] });
  const bytes = new Uint8Array(plain.length + 64);
  bytes.set(plain.subarray(0, 348));
  bytes.set(plain.subarray(352), 352 + 64);
  const view = new DataView(bytes.buffer);
  for (const name of ["data_type", "db_name", "descrip", "aux_file", "intent_name"])
    writeField(view, NIFTI1.fields.get(name)!, plant(), true);
  writeField(view, NIFTI1.fields.get("vox_offset")!, [352 + 64], true);
  bytes[348] = 1;
  view.setInt32(352, 64, true);
  view.setInt32(356, 6, true);
  bytes.set(Buffer.from([plant(), plant(), plant()].join(" ")), 360);
  return bytes;
}

/** 4 x 3 pixels of value 1 with every chunk that holds text. */
export function loadedPng(plant: Plant): Uint8Array {
  const packed = (text: string) => deflateSync(Buffer.from(text));
  const chunks: [string, Uint8Array[]][] = [
    ["tEXt", [Buffer.from(`${plant()}\0${plant()}`)]],
    ["iTXt", [Buffer.from(`${plant()}\0\0\0en\0${plant()}\0${plant()}`)]],
    ["zTXt", [Buffer.from(`${plant()}\0\0`), packed(plant())]],
    ["iCCP", [Buffer.from(`${plant()}\0\0`), packed(plant())]],
    ["sPLT", [Buffer.from(`${plant()}\0\x08`)]],
    ["eXIf", [exif(plant)]],
    ["prVt", [Buffer.from(plant())]],
  ];
  const extra = chunks.map(([type, parts]) => [type, new Uint8Array(Buffer.concat(parts))] as const);
  return png({ width: 4, height: 3, filtered: Uint8Array.from({ length: 15 }, (_, i) => (i % 5 ? 1 : 0)), extra });
}

/** A gray JPEG with EXIF, XMP, a color profile, Photoshop's block, a private one and comments. */
export function loadedJpeg(plant: Plant): Uint8Array {
  const jpeg = fixture("gray.jpg");
  const segment = (marker: number, ...parts: Uint8Array[]) => {
    const data = Buffer.concat(parts);
    return Buffer.concat([Buffer.of(0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255), data]);
  };
  const text = (value: string) => Buffer.from(value, "latin1");
  return new Uint8Array(
    Buffer.concat([
      ...[jpeg.subarray(0, 2), segment(0xe1, text("Exif\0\0"), exif(plant))],
      segment(0xe1, text(`http://ns.adobe.com/xap/1.0/\0<x>${plant()}</x>`)),
      segment(0xe2, text(`ICC_PROFILE\0\x01\x01${plant()}`)),
      segment(0xed, text(`Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0d\x1c\x02\x78\0\x08${plant()}`)),
      segment(0xef, text(plant())),
      ...[segment(0xfe, text(plant())), segment(0xfe, text(plant())), jpeg.subarray(2)],
    ]),
  );
}

/** 4 x 3 pixels of value 1 with texts in the tags of TIFF 6.0, its supplements, EXIF, GPS, and private ones. */
export function loadedTiff(plant: Plant): Uint8Array {
  const image: Tag[] = [
    ...[number(256, 4), number(257, 3), number(258, 8), number(259, 1), number(262, 1)],
    ...[bytesOf(273, 4, Buffer.alloc(0)), number(277, 1), number(278, 3), number(279, 12)],
  ];
  return new Uint8Array(tiff([...image, ...textTags(plant)], Buffer.alloc(12, 1)));
}

/** 4 x 3 x 2 voxels of value 1 with texts in comments, fields and pairs. */
export function loadedNrrd(plant: Plant): Uint8Array {
  const lines = [
    ...["NRRD0004", `# ${plant()}`, "type: uint8", "dimension: 3", "sizes: 4 3 2", "encoding: raw"],
    ...[`content: ${plant()}`, `labels: "${plant()}" "${plant()}" ""`, `units: "${plant()}" "" ""`],
    ...[`sample units: ${plant()}`, `number: ${plant()}`, `measurement frame: ${plant()}`, `${plant()}: ${plant()}`],
    ...Array.from({ length: 8 }, () => `${plant()}:=${plant()}`),
    `DICOM_0010_0010_Patient_Name:=${plant()}`,
  ];
  return new Uint8Array(Buffer.concat([Buffer.from(`${lines.join("\n")}\n\n`), Buffer.alloc(24, 1)]));
}

interface Tag {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly value: Buffer;
}

function bytesOf(tag: number, type: number, value: Uint8Array): Tag {
  return { tag, type, count: value.length, value: Buffer.from(value) };
}

/** One of type LONG. */
function number(tag: number, value: number): Tag {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return { tag, type: 4, count: 1, value: bytes };
}

/** ASCII and bytes: descriptions, makers, artists, places, XMP, IPTC and private tags. */
function textTags(plant: Plant): Tag[] {
  const ascii = (tag: number) => bytesOf(tag, 2, Buffer.from(`${plant()}\0`));
  return [
    ...[269, 270, 271, 272, 285, 305, 306, 315, 316, 333, 337].map(ascii),
    bytesOf(700, 1, Buffer.from(`<x:xmpmeta>${plant()}</x:xmpmeta>`)),
    ...[33432, 33550, 42016, 42112].map(ascii),
    bytesOf(33723, 7, Buffer.from(plant())),
    bytesOf(34377, 1, Buffer.from(plant())),
    bytesOf(50838, 7, Buffer.from(plant())),
    bytesOf(65000, 7, Buffer.from(plant(), "utf16le")),
  ].sort((a, b) => a.tag - b.tag);
}

/** A TIFF without an image, as EXIF is: tags of cameras, people and places. */
function exif(plant: Plant): Buffer {
  return tiff(
    [
      ...textTags(plant),
      ...[36867, 37510, 42032, 42033].map((tag) => bytesOf(tag, 2, Buffer.from(`${plant()}\0`))),
    ].sort((a, b) => a.tag - b.tag),
  );
}

/** Little-endian, one directory; the pixels come last, and tag 273 says where. */
function tiff(tags: readonly Tag[], pixels = Buffer.alloc(0)): Buffer {
  let at = 8 + 2 + 12 * tags.length + 4;
  const values: Buffer[] = [];
  const end = at + tags.reduce((sum, { value }) => sum + (value.length > 4 ? value.length : 0), 0);
  const entries = tags.map(({ tag, type, count, value }) => {
    const entry = Buffer.alloc(12);
    entry.writeUInt16LE(tag, 0);
    entry.writeUInt16LE(type, 2);
    entry.writeUInt32LE(tag === 273 ? 1 : count, 4);
    if (tag === 273) entry.writeUInt32LE(end, 8);
    else if (value.length <= 4) entry.set(value, 8);
    else {
      entry.writeUInt32LE(at, 8);
      values.push(value);
      at += value.length;
    }
    return entry;
  });
  const count = Buffer.alloc(2);
  count.writeUInt16LE(tags.length);
  return Buffer.concat([
    Buffer.from("II*\0\x08\0\0\0", "latin1"),
    count,
    ...entries,
    Buffer.alloc(4),
    ...values,
    pixels,
  ]);
}

/** The bytes as they are, and what is packed in them by gzip. */
export function layersOf(file: Uint8Array): Buffer[] {
  const bytes = Buffer.from(file);
  const packed = bytes.indexOf("\x1f\x8b\x08", 0, "latin1");
  if (packed < 0) return [bytes];
  try {
    return [bytes, gunzipSync(bytes.subarray(packed))];
  } catch {
    return [bytes];
  }
}

/** Those of the texts that are in one of the contents: as they are, in small letters, as UTF-16, in hex or in base64. */
export function found(contents: readonly Uint8Array[], texts: readonly string[]): string[] {
  const all = contents.flatMap(layersOf);
  return texts.filter((text) => formsOf(text).some((form) => all.some((bytes) => bytes.includes(form))));
}

function formsOf(text: string): Buffer[] {
  const hex = Buffer.from(text).toString("hex");
  // In a longer text base64 has three forms; the characters that its neighbours share are left out.
  const base64 = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
      .toString("base64")
      .slice(before === 0 ? 0 : before + 1, -3),
  );
  const utf16 = Buffer.from(text, "utf16le");
  const plain = [text, text.toLowerCase(), hex, hex.toUpperCase(), ...base64].map((form) => Buffer.from(form));
  return [...plain, utf16, Buffer.from(utf16).swap16()];
}
