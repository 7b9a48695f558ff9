import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { root, tendril } from "../built.ts";
import { changed, nifti } from "../image/nifti.ts";

const folder = mkdtempSync(join(tmpdir(), "tendril-inspect-"));
afterAll(() => rmSync(folder, { recursive: true }));

const fixtures = join(root, "tests/fixtures");

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

test("a volume is described with its geometry, its values and every header field at its place", async () => {
  const path = join(fixtures, "nifti/scaled-hounsfield-int16-v1le.nii");
  const { code, stdout } = await tendril(["inspect", path, join(fixtures, "nifti/oblique-0-q-v1le.nii")]);
  expect(code).toBe(0);
  const lines = stdout.split("\n").map((line) => line.trim().replace(/ {2,}/g, "  "));
  for (const line of [
    "scaled-hounsfield-int16-v1le.nii",
    "format  NIfTI-1, little-endian",
    "size  2 x 3 x 4",
    "stored  int16, -32768 to 32767",
    "intensity  1 * stored + -1024: -33792 to 31743",
    "spacing  0.7 x 0.8 x 2.5 mm",
    "orientation  RAS",
    "byte 40  dim  3 2 3 4 1 1 1 1",
    "byte 116  scl_inter  -1024",
    "orientation  RAS, oblique by 10.0 degrees",
  ])
    expect(lines).toContain(line);
});

test("a refused file is told with its place and its header, the others with what they are, and the exit code is 1", async () => {
  const broken = file("broken.nii", changed(nifti({}), { "dim[3]": -4 }));
  const window = join(fixtures, "nifti/window-v1le.nii");
  const { code, stdout } = await tendril([
    "inspect",
    broken,
    window,
    join(fixtures, "png/gray16.png"),
    "missing.nii",
    "--json",
  ]);
  expect(code).toBe(1);
  const { files } = JSON.parse(stdout);
  expect(files).toMatchObject([
    {
      file: "broken.nii",
      error: { code: "bad-header", offset: 46, message: expect.stringContaining("dim[3] is -4 at byte 46") },
    },
    {
      file: "window-v1le.nii",
      found: {
        format: "NIfTI-1, little-endian",
        size: [2, 3, 4],
        type: "int16",
        stored: [-32768, 32767],
        notFinite: 0,
        volume: {
          orientation: "RAS",
          isOblique: false,
          slope: 1,
          intercept: 0,
          intensities: [-32768, 32767],
          modality: null,
          windows: [{ name: "file", center: 40, width: 400 }],
          notes: [],
        },
      },
    },
    { file: "gray16.png", found: { format: "PNG", size: [13, 9], type: "uint16" } },
    { file: "missing.nii", error: { code: "ENOENT", offset: null } },
  ]);
  expect(files[0].header).toContainEqual({ name: "dim", offset: 40, value: [3, 3, 2, -4, 1, 1, 1, 1] });
  expect(files[2].header).toBeUndefined();
  expect(stdout).not.toContain(folder);
});

test("texts of a header, which may be names, are counted and printed only when they are asked for", async () => {
  const bytes = nifti({});
  bytes.set(Buffer.from("Jane Doe"), 148);
  const path = file("named.nii", bytes);
  expect((await tendril(["inspect", path])).stdout).toMatch(/byte 148 +descrip +\(8 characters\)\n/);
  expect((await tendril(["inspect", path, "--texts"])).stdout).toMatch(/byte 148 +descrip +"Jane Doe"\n/);
  const [{ header }] = JSON.parse((await tendril(["inspect", path, "--json"])).stdout).files;
  expect(header).toContainEqual({ name: "descrip", offset: 148, characters: 8 });
});

test("volumes are called by their format, flat ones too", async () => {
  const names = ["flat/flat.nrrd", "flat/imagej-le.tif", "seg/enhanced.dcm"];
  const { stdout } = await tendril(["inspect", ...names.map((name) => join(fixtures, name)), "--json"]);
  const formats = JSON.parse(stdout).files.map(({ found }: { found: { format: string } }) => found.format);
  expect(formats).toEqual(["NRRD", "TIFF", "DICOM"]);
});

test("of a folder every image and every DICOM series is described, with what its files say together, and what is refused there", async () => {
  const study = join(folder, "study");
  const series = join(study, "CT");
  mkdirSync(series, { recursive: true });
  for (let k = 0; k < 6; k++) copyFileSync(join(fixtures, `dicom/missing-${k}.dcm`), join(series, `IM000${k}`));
  copyFileSync(join(fixtures, "png/gray16.png"), join(study, "a.png"));
  writeFileSync(join(study, "odd.bmp"), "BM");
  const { code, stdout } = await tendril(["inspect", study, "--json"]);
  expect(code).toBe(1);
  const volume = { notes: [expect.stringMatching(/missing, the first/)] };
  expect(JSON.parse(stdout).files).toMatchObject([
    { file: "a.png", found: { format: "PNG" } },
    { file: "CT", found: { format: "DICOM", size: [expect.anything(), expect.anything(), 6], volume } },
    { file: "odd.bmp", error: { code: "refused", message: expect.stringContaining("BMP") } },
  ]);
});

test("text in a header cannot act on the terminal", async () => {
  const bytes = nifti({});
  bytes.set(Buffer.from("\x1b[31mred\x9b2J\n"), 148);
  const { stdout } = await tendril(["inspect", file("coloured.nii", bytes), "--texts"]);
  expect(stdout).toContain("red");
  expect(stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
});
