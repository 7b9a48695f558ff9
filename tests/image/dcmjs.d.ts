/** As much of dcmjs as the tests call: it has no types of its own. */
declare module "dcmjs" {
  /** A data set by keyword: values, items and lists of both, compared with what is expected and with nothing else. */
  interface Natural extends Iterable<Natural> {
    readonly [keyword: string]: Natural;
  }
  interface MetadataProvider {
    get(type: string, imageId: string): unknown;
  }
  interface ToolState {
    labelmapBufferArray: ArrayBuffer[];
    segMetadata: { data: unknown[] };
  }
  interface DerivedSegmentation {
    dataset: { PixelData: ArrayBuffer };
    setNumberOfFrames(count: number): void;
    addSegmentFromLabelmap(segment: object, labelmaps: Uint8Array[], index: number, frames: number[]): void;
    bitPackPixelData(): void;
  }
  const dcmjs: {
    data: {
      DicomMessage: { readFile(buffer: ArrayBufferLike): { dict: object; meta: Record<string, { Value: unknown[] }> } };
      DicomMetaDictionary: {
        naturalizeDataset(dict: object): Natural;
        namifyDataset(meta: object): object;
      };
      datasetToBuffer(dataset: object): Uint8Array;
    };
    adapters: {
      Cornerstone: {
        Segmentation: {
          generateToolState(imageIds: string[], buffer: ArrayBufferLike, provider: MetadataProvider): ToolState;
        };
      };
    };
    normalizers: { Normalizer: { normalizeToDataset(datasets: object[]): object } };
    derivations: { Segmentation: new (datasets: object[], options?: object) => DerivedSegmentation };
  };
  export default dcmjs;
}
