/** The house's own rules: who may import whom, what touches the disk, what the package offers, and why each dependency is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";
import { beforeAll, describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const SRC = join(ROOT, "src");

/** Folders from first to last; each may import from those before it. `app` and `cli` see all but each other. */
const FOLDERS = "core files image synth engine model train evaluate project server app cli".split(" ");
/** Folders that may touch the disk (docs/architecture.md). */
const ON_DISK = ["files", "train", "evaluate", "project", "server", "cli"];
/** Node's own modules that are allowed elsewhere, by file: none of them reads or writes a file. */
const NODE_ELSEWHERE: Readonly<Record<string, readonly string[]>> = { "engine/runtime-node.ts": ["os"] };

interface Source {
  /** Relative to src, with slashes. */
  readonly path: string;
  readonly folder: string;
  readonly imports: readonly string[];
}

const sources: Source[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => path.split(sep).join("/"))
  .map((path) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(SRC, path), "utf8"), true, true);
    return { path, folder: path.split("/")[0], imports: importedFiles.map(({ fileName }) => fileName) };
  });

/** Every import of every source that breaks a rule, as "path imports what". */
function offences(breaks: (source: Source, imported: string) => boolean): string[] {
  return sources.flatMap((source) =>
    source.imports.filter((name) => breaks(source, name)).map((name) => `${source.path} imports ${name}`),
  );
}

/** The folder under src that a relative import leads to; undefined for a package. */
function folderOf({ path }: Source, imported: string): string | undefined {
  if (!imported.startsWith(".")) return undefined;
  return relative(SRC, resolve(SRC, dirname(path), imported)).split(sep)[0];
}

/** Name of Node's own module without "node:", or undefined. */
function nodeModule(imported: string): string | undefined {
  const name = imported.replace(/^node:/, "");
  return imported.startsWith("node:") || builtinModules.includes(name) ? name : undefined;
}

describe("folders", () => {
  test("there are none but those of the architecture, no deeper than two levels, and none for leftovers", () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter(({ folder }) => !FOLDERS.includes(folder)).map(({ path }) => path)).toEqual([]);
    expect(sources.filter(({ path }) => path.split("/").length !== 2).map(({ path }) => path)).toEqual([]);
    expect(
      sources.filter(({ path }) => /\b(utils?|helpers?|common|misc)\b/.test(path)).map(({ path }) => path),
    ).toEqual([]);
  });

  test("each imports only from those before it", () => {
    const forbidden = (source: Source, imported: string) => {
      const target = folderOf(source, imported);
      if (target === undefined || target === source.folder) return false;
      if (target === "app" || target === "cli") return true;
      return FOLDERS.indexOf(target) > FOLDERS.indexOf(source.folder);
    };
    expect(offences(forbidden)).toEqual([]);
  });

  test("only engine imports ONNX Runtime", () => {
    expect(offences(({ folder }, name) => name.startsWith("onnxruntime") && folder !== "engine")).toEqual([]);
  });

  test("what may run in the page uses nothing of Node's, and does not read or write files through another folder", () => {
    const forbidden = ({ path, folder }: Source, name: string) => {
      const own = nodeModule(name);
      return own !== undefined && !ON_DISK.includes(folder) && !NODE_ELSEWHERE[path]?.includes(own);
    };
    expect(offences(forbidden)).toEqual([]);
    // These folders never touch the disk themselves, and must not through another.
    const pure = FOLDERS.filter((folder) => !ON_DISK.includes(folder));
    const throughFiles = (source: Source, name: string) =>
      pure.includes(source.folder) && folderOf(source, name) === "files";
    expect(offences(throughFiles)).toEqual([]);
  });
});

interface Package {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest: Package = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/**
 * What the package offers, values and types, by subpath. A difference is a change of the public API: make it on purpose, and
 * copy the names from the failing test.
 */
const PUBLIC: Readonly<Record<string, string>> = {
  "./core": `
    Box Grid Image InternalError Mask PartialSegmentation Rng RngState ShapeError Stroke TendrilError UsageError
    blurredWith boundsOf centreline clipBox components crc32 crop deepest depthIn distanceTo emptyMask emptyPartial
    jsonFault largestComponent masksBetween requireSameGrid visitStroke`,
  "./image": `
    Affine CT_WINDOWS CaseEncoder CocoImage DatasetCase DecodedSeg DicomCode DicomListing DicomSegCode DicomSegError
    DicomSegFile DicomSegIds DicomSegInput DicomSegment DicomSeries DicomSlice DicomStudy FileKind FractionalFrame GrayScale
    ImageFormatCode ImageFormatDetails ImageFormatError IntensityWindow Label LabelMap ListedSeries LoadedMask
    MaskTarget NamedFile NiftiFile Nrrd Opened OpenedGrid Orientation Origin OutputFile PACKED_START_BYTES PIXEL_LIMIT
    PLANE_NAMES PNG_CASES Picture PixelValues Plane PlaneName ReadPart START_BYTES SeriesPlaces SliceSteps Volume Voxel
    VoxelAxis VoxelData agreedLabels bidsCases bidsDerivative bidsIndex channelsOf checkAnyStart checkStart colorOf decodeAny
    decodeDicom decodeDicomSeg decodeFiles decodeImage decodeJpeg decodeNifti decodeNrrd decodeTiff decodeValues
    encodeCoco encodeDcmqiMetadata encodeDicomSeg encodeImagePng encodeLabels encodeMaskPng encodeNiftiImage
    encodeNiftiLabels encodePicture encodeSegNrrd endingOf fractionOf fractionalFrames framePreview grayScaleOf gridOf isGzip labelMapOf listDicom
    looksLikeDicom looksLikeDicomSeg nameFormat niftiHeaderOf niftiSize nnunetCases nnunetDataset nnunetIndex orientationOf
    pixelOf planesOf previewNifti readLabelMap sliceImage spacingOf stepsOf targetOf voxelAt worldOf zipPreview`,
  "./synth": `
    DISKS DiskImage DiskOptions MANY PAIRS PairOptions PartialBatch Prompt PromptKind ReadTexture Scene boxAround brushIn changeAppearance clickIn
    drawBatch drawPair drawScene loopAround makeDiskImage makeDiskSet paint paintScene pickThings scribbleIn smoothLabelMap sureOf unionOf`,
  "./engine": `
    ADAM DescribeLoss Device EngineError FLAT_PARAMETERS FlatParameters Graph HostTensor Init OPSET OptimiserOptions
    OrtSession ParameterSource ParameterSpec Runtime RuntimeOptions STATE_NAMES Session Shape StateName Tensors
    Trainer TrainingModel TrainingState Var add avgPool2 broadcast compileGradient compileInference compileTraining
    concat constantParameters conv2d convTranspose2d div exp expand groupNorm initialState initialValues isSound
    joinFlat leakyRelu log matmul maxPool2 mean mul neg oneMinus optimise pad parametersOf refusedModel relu reshape scale
    shift sigmoid silu sizeOf slice softmax softplus splitFlat sqrt square stateOf sub sum sumTo swapLast tanh transpose
    upsampleBilinear upsampleNearest wrapSession`,
  "./model": `
    Candidate CellProbabilities Decoded ENCODER_CHANNELS FEATURE_CELLS GeneralNetworks GeneralShape ImageFeatures ImageMaps LATENT_SIZE
    LossWeights MODEL_FILES Model ModelCard NamedTensor PAPER_SIZE PLANES PROJECTION Posterior ProbabilityOptions ProposeOptions Proposer REGION_CELLS RegionPrompt
    WeightsError Window boxOf candidatesOnnx compare constrain createProposer decodeRegion decoder describeGeneralLoss
    describePaperDecoder describePaperLoss diceLoss divergenceFromPrior drawFromPrior encoder encoderChannels generalShape imageMaps
    loadNetworks marksByHand modelCard namedTensors paperDecoderOnnx paperParameters parseModel partialLoss
    placeWindow project projectionShapes readSafetensors shapeOf trunkOnnx withLatentScale
    writeSafetensors`,
};

describe("the package", () => {
  let offered: Record<string, string>;

  beforeAll(() => {
    const entries = Object.entries(manifest.exports).map(([subpath, { types }]) => {
      return [subpath, join(ROOT, types.replace(/^\.\/dist\//, "").replace(/\.d\.ts$/, ".ts"))] as const;
    });
    const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => readFileSync(path, "utf8"));
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
    const program = ts.createProgram({ rootNames: entries.map(([, path]) => path), options });
    const checker = program.getTypeChecker();
    const namesOf = (path: string) => {
      const file = program.getSourceFile(path);
      const symbol = file && checker.getSymbolAtLocation(file);
      if (!symbol) throw new Error(`${path} exports nothing`);
      return checker.getExportsOfModule(symbol).map(({ name }) => name);
    };
    offered = Object.fromEntries(entries.map(([subpath, path]) => [subpath, namesOf(path).sort().join(" ")]));
  });

  test("offers these names and no others", () => {
    const expected = Object.entries(PUBLIC).map(([subpath, names]) => [subpath, names.trim().split(/\s+/).join(" ")]);
    expect(offered).toEqual(Object.fromEntries(expected));
  });

  test("points types and code at the same module of the build", () => {
    for (const [subpath, { types, default: code }] of Object.entries(manifest.exports)) {
      expect(types.replace(/\.d\.ts$/, ".js"), subpath).toBe(code);
      expect(existsSync(join(ROOT, code.replace("./dist/", "").replace(/\.js$/, ".ts"))), code).toBe(true);
    }
  });

  test("has exact versions, and a line in docs/dependencies.md for each direct dependency", () => {
    const direct = { ...manifest.dependencies, ...manifest.devDependencies };
    expect(Object.entries(direct).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    const rows = readFileSync(join(ROOT, "docs", "dependencies.md"), "utf8").matchAll(
      /^\| `([^`]+)` +\| \S.+ \| \S.+ \|$/gm,
    );
    const described = [...rows].map(([, name]) => name);
    expect(described.sort()).toEqual(Object.keys(direct).sort());
  });

  test("has a dependency for every package that a source imports", () => {
    const nameOf = (imported: string) => imported.match(/^(@[^/]+\/[^/]+|[^/]+)/)?.[0] ?? imported;
    const undeclared = (_: Source, imported: string) => {
      if (imported.startsWith(".") || nodeModule(imported) !== undefined) return false;
      return !(nameOf(imported) in manifest.dependencies);
    };
    expect(offences(undeclared)).toEqual([]);
  });
});
