// node experiments/0021-adapting/split.mjs DATA OUT [COUNT]: folders of links, OUT/adapt/SET with COUNT images (6) and OUT/measure/SET with images of other subjects
import { mkdir, readdir, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { crc32 } from "node:zlib";

const [data, out, count = "6"] = process.argv.slice(2);
/** Those that the network of 0017-unknown-kinds was not trained on. */
const SETS = [
  "busi_breast_us",
  "dental_caries_xray",
  "drosophila_vnc_em",
  "foot_ulcer_photo",
  "gbm_nuclei_histology",
  "hvsmr_whole_heart_mri",
  "isbi2012_em_membrane",
  "pap_smear",
  "prostate_mri",
];
const MOST = 12;

const subjectOf = (name) => name.replace(/\.png$/, "").split("__")[0];
/** Training would take none of its images (src/train/subjects.ts). */
const isHeldBack = (set, subject) => crc32(`${set}/${subject}`) % 8 === 0;
const evenly = (list, n) => Array.from({ length: Math.min(n, list.length) }, (_, i) => list[Math.floor((i * list.length) / Math.min(n, list.length))]);

for (const set of SETS) {
  const from = resolve(data, set);
  const names = (await readdir(join(from, "images"))).filter((name) => name.endsWith(".png")).sort();
  const subjects = [...new Set(names.map(subjectOf))];
  let adapt;
  let measure;
  if (subjects.length >= 3 * MOST) {
    // One image each of up to twelve subjects, whatever COUNT is, so that the images that are measured stay the same.
    const chosen = evenly(
      subjects.filter((subject) => !isHeldBack(set, subject)),
      MOST,
    );
    adapt = evenly(chosen, Number(count)).map((subject) => names.find((name) => subjectOf(name) === subject));
    measure = names.filter((name) => !chosen.includes(subjectOf(name)));
  } else {
    // Few subjects, or sections of one: the first half of them, and the others.
    const isFirst = (name, i) => (subjects.length > 1 ? subjects.indexOf(subjectOf(name)) < subjects.length / 2 : i < names.length / 2);
    const free = (name) => subjects.length === 1 || !isHeldBack(set, subjectOf(name));
    adapt = evenly(
      names.filter((name, i) => isFirst(name, i) && free(name)),
      Number(count),
    );
    measure = names.filter((name, i) => !isFirst(name, i) && (subjects.length > 1 || i >= names.length / 2 + 2));
  }
  for (const [part, wanted] of Object.entries({ adapt, measure })) {
    const to = join(out, part, set, set);
    const structures = await readdir(join(from, "masks"));
    for (const folder of ["images", ...structures.map((structure) => join("masks", structure))]) {
      await mkdir(join(to, folder), { recursive: true });
      const there = new Set(await readdir(join(from, folder)));
      for (const name of wanted.filter((each) => there.has(each))) await symlink(join(from, folder, name), join(to, folder, name));
    }
  }
  console.log(set, subjects.length, "subjects", adapt.length, "to adapt to", measure.length, "to measure");
}
