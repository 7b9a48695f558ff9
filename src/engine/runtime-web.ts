/**
 * ONNX Runtime in the browser: WebAssembly with threads where the page is cross-origin isolated, and WebGPU.
 *
 * The WebGPU build can run on the CPU as well, but it is twice the size and takes twice as long to start
 * (docs/results/engine.md), so each device has its own. Their files are given by address: left to itself the runtime would
 * start the whole bundle once more in every thread.
 */

import webgpuScript from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuWasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import cpuScript from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import cpuWasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as cpu from "onnxruntime-web/wasm";
import * as webgpu from "onnxruntime-web/webgpu";
import { type OrtSession, type Runtime, type RuntimeOptions, refusedModel, wrapSession } from "./runtime.ts";

const BUILDS = {
  cpu: { ort: cpu, provider: "wasm", files: { mjs: cpuScript, wasm: cpuWasm } },
  webgpu: { ort: webgpu, provider: "webgpu", files: { mjs: webgpuScript, wasm: webgpuWasm } },
} as const;

export function webRuntime({ device = "cpu", threads = 0 }: RuntimeOptions = {}): Runtime {
  const { ort, provider, files } = BUILDS[device];
  ort.env.wasm.wasmPaths = files;
  // Without cross-origin isolation there is no shared memory, and asking for threads would only log a warning.
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? threads : 1;
  return {
    name: `onnxruntime-web ${ort.env.versions.common}, ${provider}${threads ? `, ${threads} threads` : ""}`,
    async load(model) {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: [provider],
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
      }).catch((cause: unknown) => {
        throw refusedModel(cause);
      });
      return wrapSession(
        {
          inputMetadata: session.inputMetadata as OrtSession["inputMetadata"],
          run: (feeds) => session.run(feeds as cpu.InferenceSession.FeedsType),
          release: () => session.release(),
        },
        (data, shape) => new ort.Tensor("float32", data, shape),
      );
    },
  };
}
