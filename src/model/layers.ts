/** Convolution layers with their parameters, initialised as PyTorch does (uniform, bound 1 / sqrt(fan-in)). */
import { conv2d as conv2dOp, convTranspose2d as convTranspose2dOp, type Graph, type Var } from "../engine/index.ts";

/** @returns [N, channels, H / stride, W / stride] */
export function conv(graph: Graph, name: string, x: Var, channels: number, kernel = 3, stride: 1 | 2 = 1): Var {
  const inputs = x.shape[1];
  const init = { kind: "uniform", bound: 1 / Math.sqrt(inputs * kernel * kernel) } as const;
  const weight = graph.parameter(`${name}.weight`, [channels, inputs, kernel, kernel], init);
  const bias = graph.parameter(`${name}.bias`, [channels], init);
  return conv2dOp(x, weight, bias, stride);
}

/** Transposed convolution, stride 2. @returns [N, channels, 2 H, 2 W] */
export function convUp(graph: Graph, name: string, x: Var, channels: number, kernel = 3): Var {
  const inputs = x.shape[1];
  const init = { kind: "uniform", bound: 1 / Math.sqrt(channels * kernel * kernel) } as const;
  const weight = graph.parameter(`${name}.weight`, [inputs, channels, kernel, kernel], init);
  const bias = graph.parameter(`${name}.bias`, [channels], init);
  return convTranspose2dOp(x, weight, bias);
}
