/** ONNX Runtime in Node: CPU, and WebGPU where there is a GPU. */
import "./no-telemetry.ts";
import { availableParallelism } from "node:os";
import * as ort from "onnxruntime-node";
import { type OrtSession, type Runtime, type RuntimeOptions, refusedModel, wrapSession } from "./runtime.ts";

/**
 * Threads that wait for work sleep. By default they ask for it again and again, and take the processor from what runs between two runs of a network:
 * two threads on two processors were slower than one (`docs/results/general.md`).
 */
const NO_SPINNING = { session: { intra_op: { allow_spinning: "0" } } };

export function nodeRuntime({ device = "cpu", threads = 0 }: RuntimeOptions = {}): Runtime {
  return {
    name: `onnxruntime-node ${ort.env.versions.common}, ${device}, ${threads || `default for ${availableParallelism()}`} threads`,
    async load(model) {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: [device],
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
        extra: NO_SPINNING,
        ...(threads ? { intraOpNumThreads: threads } : {}),
      }).catch((cause: unknown) => {
        throw refusedModel(cause);
      });
      return wrapSession(
        {
          inputMetadata: session.inputMetadata as OrtSession["inputMetadata"],
          run: (feeds) => session.run(feeds as ort.InferenceSession.FeedsType),
          release: () => session.release(),
        },
        (data, shape) => new ort.Tensor("float32", data, shape),
      );
    },
  };
}
