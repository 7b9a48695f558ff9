/** The spatial operators written out as their definitions say, in double precision. Images are [N, C, H, W]. */
import type { HostTensor } from "../../src/engine/index.ts";

/** y[n, o, i, j] = bias[o] + sum over c, kh, kw of x[n, c, stride i + kh - p, stride j + kw - p] weight[o, c, kh, kw] */
export function slowConv(x: HostTensor, weight: HostTensor, bias: HostTensor, stride: number): HostTensor {
  const [n, channels, h, w] = x.shape;
  const [o, , k] = weight.shape;
  const p = (k - 1) / 2;
  return fill([n, o, h / stride, w / stride], ([b, out, i, j]) => {
    let total = bias.data[out];
    for (let c = 0; c < channels; c++)
      for (let kh = 0; kh < k; kh++)
        for (let kw = 0; kw < k; kw++)
          total += at(x, b, c, stride * i + kh - p, stride * j + kw - p) * at(weight, out, c, kh, kw);
    return total;
  });
}

/** y[n, o, i, j] = bias[o] + sum of x[n, c, a, b] weight[c, o, kh, kw] over all with 2 a + kh - p = i and 2 b + kw - p = j */
export function slowConvTranspose(x: HostTensor, weight: HostTensor, bias: HostTensor): HostTensor {
  const [n, channels, h, w] = x.shape;
  const [, o, k] = weight.shape;
  const p = (k - 1) / 2;
  return fill([n, o, 2 * h, 2 * w], ([b, out, i, j]) => {
    let total = bias.data[out];
    for (let c = 0; c < channels; c++)
      for (let kh = 0; kh < k; kh++)
        for (let kw = 0; kw < k; kw++) {
          const row = (i - kh + p) / 2;
          const column = (j - kw + p) / 2;
          if (Number.isInteger(row) && Number.isInteger(column))
            total += at(x, b, c, row, column) * at(weight, c, out, kh, kw);
        }
    return total;
  });
}

export function slowPool(x: HostTensor, combine: (four: number[]) => number): HostTensor {
  const [n, c, h, w] = x.shape;
  return fill([n, c, h / 2, w / 2], ([b, d, i, j]) =>
    combine([0, 1, 2, 3].map((k) => at(x, b, d, 2 * i + (k >> 1), 2 * j + (k & 1)))),
  );
}

export function slowNearest(x: HostTensor, factor: number): HostTensor {
  const [n, c, h, w] = x.shape;
  return fill([n, c, h * factor, w * factor], ([b, d, i, j]) =>
    at(x, b, d, Math.floor(i / factor), Math.floor(j / factor)),
  );
}

/** Output pixel i has its centre at (i + 1/2) / factor - 1/2 in input pixels; beyond the outermost centres the edge is held. */
export function slowBilinear(x: HostTensor, factor: number): HostTensor {
  const [n, c, h, w] = x.shape;
  const clamp = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);
  return fill([n, c, h * factor, w * factor], ([b, d, i, j]) => {
    const y = clamp((i + 0.5) / factor - 0.5, h);
    const z = clamp((j + 0.5) / factor - 0.5, w);
    let total = 0;
    for (const row of [Math.floor(y), Math.floor(y) + 1])
      for (const column of [Math.floor(z), Math.floor(z) + 1])
        total += (1 - Math.abs(y - row)) * (1 - Math.abs(z - column)) * at(x, b, d, clamp(row, h), clamp(column, w));
    return total;
  });
}

/** Zero outside the tensor. */
function at({ data, shape }: HostTensor, ...index: number[]): number {
  let offset = 0;
  for (const [axis, i] of index.entries()) {
    if (i < 0 || i >= shape[axis]) return 0;
    offset = offset * shape[axis] + i;
  }
  return data[offset];
}

function fill(shape: [number, number, number, number], value: (index: number[]) => number): HostTensor {
  const [n, c, h, w] = shape;
  const data = new Float32Array(n * c * h * w);
  for (let k = 0; k < data.length; k++)
    data[k] = value([Math.floor(k / (c * h * w)), Math.floor(k / (h * w)) % c, Math.floor(k / w) % h, k % w]);
  return { data, shape };
}
