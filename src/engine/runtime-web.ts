/** ONNX Runtime in the browser: WebAssembly with threads where the page is cross-origin isolated, and WebGPU. */
import * as ort from "onnxruntime-web/webgpu";
import { type Runtime, type RuntimeOptions, refusedModel, wrapSession } from "./runtime.ts";

export interface WebRuntimeOptions extends RuntimeOptions {
  /** Addresses of the runtime's own script and WebAssembly file, when they are not beside the bundle. */
  readonly wasmPaths?: { readonly mjs: string; readonly wasm: string };
}

export function webRuntime({ device = "cpu", threads = 0, wasmPaths }: WebRuntimeOptions = {}): Runtime {
  if (wasmPaths) ort.env.wasm.wasmPaths = wasmPaths;
  // Without cross-origin isolation there is no shared memory, and asking for threads would only log a warning.
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? threads : 1;
  return {
    name: `onnxruntime-web ${ort.env.versions.common}, ${device === "cpu" ? "wasm" : device}`,
    async load(model) {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: [device === "cpu" ? "wasm" : "webgpu"],
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
      }).catch((cause: unknown) => {
        throw refusedModel(cause);
      });
      return wrapSession(
        { run: (feeds) => session.run(feeds as ort.InferenceSession.FeedsType), release: () => session.release() },
        (data, shape) => new ort.Tensor("float32", data, shape),
      );
    },
  };
}
