/** Differentiable graphs written as ONNX, and what runs and trains them. `runtime-node` and `runtime-web` are imported by path. */
export * from "./compile.ts";
export * from "./graph.ts";
export { OPSET } from "./onnx.ts";
export * from "./ops-conv.ts";
export * from "./ops-elementwise.ts";
export * from "./ops-shape.ts";
export * from "./ops-spatial.ts";
export * from "./optimiser.ts";
export * from "./runtime.ts";
export * from "./trainer.ts";
