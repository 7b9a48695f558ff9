import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { decodeAny, decodeImage, decodeNifti } from "../../src/image/index.ts";
import { nifti } from "./nifti.ts";
import { fixture } from "./volumes.ts";

test("the content decides what a file is opened as, whatever its name", async () => {
  const png = fixture("png/gray16.png");
  expect(await decodeAny(png, "a.nii.gz")).toEqual({ kind: "image", image: decodeImage(png, "a.png") });
  for (const bytes of [nifti({}), nifti({ version: 2 }), new Uint8Array(gzipSync(nifti({})))])
    expect(await decodeAny(bytes, "a.png")).toEqual({ kind: "volume", volume: decodeNifti(bytes, "a.nii") });
});

test.each([
  ["a damaged NIfTI mark", nifti({}).fill(1, 0, 4), "bad-header", /begins with the size 16843009/],
  ["a NIfTI-2 mark changed by a transfer as text", nifti({ version: 2 }).fill(10, 8, 9), "damaged", /in binary mode/],
  ["other things in gzip", new Uint8Array(gzipSync("text")), "not-png", /holds no NIfTI volume/],
  ["MetaImage", Buffer.from("ObjectType = Image\nNDims = 3\n"), "not-png", /is a MetaImage volume.*NIfTI/],
  ["GIF", Uint8Array.of(0x47, 0x49, 0x46, 0x38), "not-png", /is a GIF image/],
  ["nothing", new Uint8Array(0), "empty", /is empty/],
])("%s is refused by name", async (_, bytes, code, message) => {
  await expect(decodeAny(bytes, "a")).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("the half of a pair that has no header is known by its name, unless it is a whole file", async () => {
  for (const name of ["A.IMG", "a.img.gz"])
    await expect(decodeAny(new Uint8Array(gzipSync("1234")), name)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("(.hdr)"),
    });
  expect(await decodeAny(nifti({}), "a.img")).toMatchObject({ kind: "volume" });
});
