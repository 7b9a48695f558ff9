/** Elementwise operators with numpy's broadcasting, sums and means over axes, softmax. */
import { ShapeError } from "../core/index.ts";
import type { Shape, Var } from "./graph.ts";
import { reshape } from "./ops-shape.ts";

export function add(a: Var, b: Var): Var {
  return binary("Add", a, b, (d) => [d, d]);
}

export function sub(a: Var, b: Var): Var {
  return binary("Sub", a, b, (d) => [d, neg(d)]);
}

export function mul(a: Var, b: Var): Var {
  return binary("Mul", a, b, (d) => [mul(d, b), mul(d, a)]);
}

export function div(a: Var, b: Var): Var {
  return binary("Div", a, b, (d) => {
    const da = div(d, b);
    return [da, neg(mul(da, div(a, b)))];
  });
}

/** x * factor */
export function scale(x: Var, factor: number): Var {
  return mul(x, x.graph.scalar(factor));
}

/** x + offset */
export function shift(x: Var, offset: number): Var {
  return add(x, x.graph.scalar(offset));
}

/** 1 - x */
export function oneMinus(x: Var): Var {
  return sub(x.graph.scalar(1), x);
}

export function neg(x: Var): Var {
  return unary("Neg", x, (d) => neg(d));
}

export function square(x: Var): Var {
  return mul(x, x);
}

export function exp(x: Var): Var {
  return unary("Exp", x, (d, y) => mul(d, y));
}

export function log(x: Var): Var {
  return unary("Log", x, (d) => div(d, x));
}

export function sqrt(x: Var): Var {
  return unary("Sqrt", x, (d, y) => div(scale(d, 0.5), y));
}

export function sigmoid(x: Var): Var {
  return unary("Sigmoid", x, (d, y) => mul(d, mul(y, oneMinus(y))));
}

export function tanh(x: Var): Var {
  return unary("Tanh", x, (d, y) => mul(d, oneMinus(mul(y, y))));
}

/** log(1 + exp(x)) */
export function softplus(x: Var): Var {
  return unary("Softplus", x, (d) => mul(d, sigmoid(x)));
}

/** x * sigmoid(x) */
export function silu(x: Var): Var {
  return mul(x, sigmoid(x));
}

export function relu(x: Var): Var {
  // A product with 0 and 1 takes half as long as a choice between d and 0.
  return unary("Relu", x, (d, y) => mul(d, x.graph.emit("Cast", [positive(y)], x.shape, { to: FLOAT })));
}

/** x where positive, slope * x elsewhere. */
export function leakyRelu(x: Var, slope: number): Var {
  const { graph } = x;
  const y = graph.emit("LeakyRelu", [x], x.shape, { alpha: { float: slope } });
  return graph.differentiable(y, [x], (d) => [where(positive(x), d, scale(d, slope))]);
}

/** Sum over `axes`, which become 1 (`keep`) or go. */
export function sum(x: Var, axes: readonly number[], { keep = false } = {}): Var {
  // ONNX takes no axes for all axes.
  if (axes.length === 0) return x;
  const { graph } = x;
  const y = graph.emit("ReduceSum", [x, graph.integers(axes)], reduced(x.shape, axes, keep), {
    keepdims: keep ? 1 : 0,
  });
  return graph.differentiable(y, [x], (d) => [expand(reshape(d, reduced(x.shape, axes, true)), x.shape)]);
}

export function mean(x: Var, axes: readonly number[], options: { keep?: boolean } = {}): Var {
  const count = axes.reduce((product, axis) => product * x.shape[axis], 1);
  return scale(sum(x, axes, options), 1 / count);
}

export function softmax(x: Var, axis: number): Var {
  const { graph } = x;
  const y = graph.emit("Softmax", [x], x.shape, { axis });
  return graph.differentiable(y, [x], (d) => {
    const weighted = mul(d, y);
    return [sub(weighted, mul(y, sum(weighted, [axis], { keep: true })))];
  });
}

/** Repeats axes of length 1 up to `shape`. */
export function expand(x: Var, shape: Shape): Var {
  if (x.shape.join() === shape.join()) return x;
  if (broadcast(x.shape, shape).join() !== shape.join())
    throw new ShapeError(`[${x.shape}] cannot be expanded to [${shape}].`);
  const { graph } = x;
  const y = graph.emit("Expand", [x, graph.integers(shape)], shape);
  return graph.differentiable(y, [x], (d) => [sumTo(d, x.shape)]);
}

/** Sums the axes that broadcasting to x's shape from `shape` has repeated. */
export function sumTo(x: Var, shape: Shape): Var {
  if (x.shape.join() === shape.join()) return x;
  const missing = x.shape.length - shape.length;
  const axes = x.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < missing || shape[axis - missing] !== x.shape[axis]);
  return reshape(sum(x, axes, { keep: true }), shape);
}

/** ONNX's number for float32. */
const FLOAT = 1;

/** The name of a boolean tensor, true where x > 0. Not differentiable. */
function positive(x: Var): Var {
  return x.graph.emit("Greater", [x, x.graph.scalar(0)], x.shape);
}

function where(condition: Var, then: Var, otherwise: Var): Var {
  return then.graph.emit("Where", [condition, then, otherwise], then.shape);
}

function unary(op: string, x: Var, backward: (d: Var, y: Var) => Var): Var {
  const y = x.graph.emit(op, [x], x.shape);
  return x.graph.differentiable(y, [x], (d) => [backward(d, y)]);
}

function binary(op: string, a: Var, b: Var, backward: (d: Var) => readonly [Var, Var]): Var {
  const shape = broadcast(a.shape, b.shape);
  const y = a.graph.emit(op, [a, b], shape);
  return a.graph.differentiable(y, [a, b], (d) => {
    const [da, db] = backward(d);
    return [a.needsGradient ? sumTo(da, a.shape) : null, b.needsGradient ? sumTo(db, b.shape) : null];
  });
}

/** The shape of an elementwise result. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[a.length - rank + i] ?? 1;
    const q = b[b.length - rank + i] ?? 1;
    if (p !== q && p !== 1 && q !== 1) throw new ShapeError(`[${a}] and [${b}] do not broadcast: ${p} against ${q}.`);
    return Math.max(p, q);
  });
}

function reduced(shape: Shape, axes: readonly number[], keep: boolean): Shape {
  if (keep) return shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return shape.filter((_, axis) => !axes.includes(axis));
}
