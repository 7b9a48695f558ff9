/** As much of dcmjs as the tests call: it has no types of its own. */
declare module "dcmjs" {
  type Natural = Record<string, never>;
  interface MetadataProvider {
    get(type: string, imageId: string): unknown;
  }
  interface ToolState {
    labelmapBufferArray: ArrayBuffer[];
    segMetadata: { data: unknown[] };
  }
  interface DerivedSegmentation {
    dataset: Natural & { PixelData: ArrayBuffer };
    setNumberOfFrames(count: number): void;
    addSegmentFromLabelmap(segment: object, labelmaps: Uint8Array[], index: number, frames: number[]): void;
    bitPackPixelData(): void;
  }
  const dcmjs: {
    data: {
      DicomMessage: { readFile(buffer: ArrayBufferLike): { dict: object; meta: Record<string, { Value: unknown[] }> } };
      DicomMetaDictionary: {
        // biome-ignore lint/suspicious/noExplicitAny: a data set as dcmjs has it, whatever it holds
        naturalizeDataset(dict: object): any;
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
