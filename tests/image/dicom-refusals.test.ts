import { describe, expect, test } from "vitest";
import { decodeDicom } from "../../src/image/dicom.ts";
import { golden, refusal } from "./dicom.ts";
import * as build from "./dicom-build.ts";

const PREFIX = "1.2.840.10008.1.2.4";

describe("what is not read is refused by its name", () => {
  test.each([
    [`${PREFIX}.92`, "JPEG 2000 part 2 lossless"],
    [`${PREFIX}.94`, "JPIP referenced"],
    [`${PREFIX}.102`, "MPEG-4 AVC/H.264 high profile 4.1"],
    [`${PREFIX}.107`, "HEVC/H.265 main profile"],
    [`${PREFIX}.110`, "JPEG XL lossless"],
    ["1.2.840.113619.5.2", "GE private"],
    ["1.2.3.4.5.6", "1.2.3.4.5.6"],
    ["CANARY", "one that is no UID"],
  ])("%s", async (syntax, name) => {
    const bytes = build.file([...build.imageHead(), build.element(0x7fe00010, "OW", new Uint8Array(32))], syntax);
    const { code, message } = await refusal(bytes);
    expect(code).toBe("unsupported");
    expect(message).toContain(name);
    expect(message).not.toContain("CANARY");
  });

  test("JPEG extended with 12 bits", async () => {
    const frame = [
      0xff, 0xd8, 0xff, 0xc1, 0, 11, 12, 0, 4, 0, 4, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0, 1, 1, 0xff,
      0xd9,
    ];
    const bytes = build.file([...build.imageHead(), ...build.compressed([Uint8Array.from(frame)])], `${PREFIX}.51`);
    expect((await refusal(bytes)).message).toBe(
      "a.dcm is a DICOM image in JPEG extended with 12 bits a sample; up to 8 are read. Convert it, for instance with: gdcmconv --raw.",
    );
  });

  test.each([
    ["1.2.840.10008.1.3.10", "the directory of a disc (DICOMDIR)"],
    ["1.2.840.10008.5.1.4.1.1.481.3", "a set of contours"],
    ["1.2.840.10008.5.1.4.1.1.104.1", "a PDF document"],
  ])("%s", async (sopClass, name) => {
    const { code, message } = await refusal(build.file([build.element(0x00080016, "UI", sopClass)]));
    expect([code, message.includes(name)]).toEqual(["unsupported", true]);
  });

  test("another format", async () => {
    const { code, message } = await refusal(new TextEncoder().encode("%PDF-1.7 and more"), "scan.pdf");
    expect([code, message]).toEqual(["unsupported", "scan.pdf is no DICOM file, but a PDF document. Leave it out."]);
  });
});

test("an error says where the file ends, and how many bytes are missing", async () => {
  const whole = golden("explicit-u16.dcm");
  const { code, message, offset } = await refusal(whole.subarray(0, whole.length - 20), "scan.dcm");
  expect(code).toBe("cut-short");
  expect(offset).toBe(whole.length - 20);
  expect(message).toBe(
    `scan.dcm is cut short: it ends at byte ${whole.length - 20}, and byte ${whole.length} is needed. Copy or export it again.`,
  );
});

test("a header and compressed pixels that disagree are refused, with both sizes", async () => {
  const bytes = golden("jpeg-ls-u8.dcm");
  const at = bytes.findIndex((_, i) => bytes[i] === 0x28 && bytes[i + 2] === 0x11 && bytes[i + 4] === 0x55);
  const { code, message } = await refusal(bytes.with(at + 8, 8));
  expect(code).toBe("damaged");
  expect(message).toContain("its header says 8 x 5 x 1, and its compressed pixels 7 x 5 x 1");
});

test("no refusal tells about the patient, whatever element of a file is damaged", async () => {
  const bytes = golden("explicit-s12.dcm");
  const texts = ["CANARY\\1", "\\CANARY", "-CANARY-"];
  const view = new DataView(bytes.buffer);
  for (let at = 132; at + 8 < bytes.length; ) {
    const isLong = ["OB", "OW", "SQ"].includes(String.fromCharCode(bytes[at + 4], bytes[at + 5]));
    const length = isLong ? view.getUint32(at + 8, true) : view.getUint16(at + 6, true);
    const valueAt = at + (isLong ? 12 : 8);
    for (const text of texts) {
      const copy = bytes.slice();
      copy.set(new TextEncoder().encode(text).subarray(0, length), valueAt);
      const { series, refused } = await decodeDicom([{ name: "/data/CANARY/x.dcm", bytes: copy }]);
      for (const { message } of refused) expect(message).not.toMatch(/CANARY|data/);
      for (const { volume } of series) expect(volume.notes.join()).not.toContain("CANARY");
    }
    at = valueAt + length;
  }
});
