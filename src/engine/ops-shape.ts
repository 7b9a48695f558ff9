/** Operators that move values without changing them, and matrix products. */
import { InternalError, ShapeError } from "../core/index.ts";
import { type Shape, sizeOf, type Var } from "./graph.ts";
import { broadcast, sumTo } from "./ops-elementwise.ts";

export function reshape(x: Var, shape: Shape): Var {
  if (sizeOf(shape) !== sizeOf(x.shape)) throw new ShapeError(`[${x.shape}] cannot be reshaped to [${shape}].`);
  if (x.shape.join() === shape.join() && x.shape.length === shape.length) return x;
  const { graph } = x;
  const y = graph.emit("Reshape", [x, graph.integers(shape)], shape);
  return graph.differentiable(y, [x], (d) => [reshape(d, x.shape)]);
}

/** @param order  order[i] is the axis of x that becomes axis i */
export function transpose(x: Var, order: readonly number[]): Var {
  const { graph } = x;
  const y = graph.emit(
    "Transpose",
    [x],
    order.map((axis) => x.shape[axis]),
    { perm: order },
  );
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return graph.differentiable(y, [x], (d) => [transpose(d, inverse)]);
}

export function concat(parts: readonly Var[], axis: number): Var {
  const [first] = parts;
  if (!first) throw new InternalError("Nothing to concatenate.");
  if (parts.length === 1) return first;
  for (const part of parts)
    if (part.shape.with(axis, 0).join() !== first.shape.with(axis, 0).join())
      throw new ShapeError(`[${part.shape}] cannot be put beside [${first.shape}] along axis ${axis}.`);
  const { graph } = first;
  const total = parts.reduce((length, part) => length + part.shape[axis], 0);
  const y = graph.emit(
    "Concat",
    parts,
    first.shape.map((dim, i) => (i === axis ? total : dim)),
    { axis },
  );
  return graph.differentiable(y, parts, (d) => {
    let start = 0;
    return parts.map((part) => {
      const end = start + part.shape[axis];
      const piece = part.needsGradient ? slice(d, axis, start, end) : null;
      start = end;
      return piece;
    });
  });
}

/** x from `start` up to, not including, `end` along one axis. */
export function slice(x: Var, axis: number, start: number, end: number): Var {
  const length = x.shape[axis];
  if (!(start >= 0 && start < end && end <= length))
    throw new ShapeError(`${start} to ${end} is not a part of axis ${axis} of [${x.shape}].`);
  if (start === 0 && end === length) return x;
  const { graph } = x;
  const span = [graph.integers([start]), graph.integers([end]), graph.integers([axis])];
  const y = graph.emit(
    "Slice",
    [x, ...span],
    x.shape.map((dim, i) => (i === axis ? end - start : dim)),
  );
  return graph.differentiable(y, [x], (d) => {
    const none = x.shape.map(() => 0);
    return [pad(d, none.with(axis, start), none.with(axis, length - end))];
  });
}

/** Zeros around x: `before` and `after` give the number of them on each axis. */
export function pad(x: Var, before: readonly number[], after: readonly number[]): Var {
  if ([...before, ...after].every((count) => count === 0)) return x;
  const { graph } = x;
  const shape = x.shape.map((dim, axis) => before[axis] + dim + after[axis]);
  const y = graph.emit("Pad", [x, graph.integers([...before, ...after])], shape);
  return graph.differentiable(y, [x], (d) => {
    let inner = d;
    x.shape.forEach((dim, axis) => {
      inner = slice(inner, axis, before[axis], before[axis] + dim);
    });
    return [inner];
  });
}

/** Matrix product over the last two axes; leading axes broadcast. */
export function matmul(a: Var, b: Var): Var {
  const [rows, inner] = a.shape.slice(-2);
  const [inner2, columns] = b.shape.slice(-2);
  if (a.shape.length < 2 || b.shape.length < 2 || inner !== inner2)
    throw new ShapeError(`[${a.shape}] and [${b.shape}] have no matrix product.`);
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const y = a.graph.emit("MatMul", [a, b], [...batch, rows, columns]);
  return a.graph.differentiable(y, [a, b], (d) => [
    a.needsGradient ? sumTo(matmul(d, swapLast(b)), a.shape) : null,
    b.needsGradient ? sumTo(matmul(swapLast(a), d), b.shape) : null,
  ]);
}

/** Transposes the last two axes. */
export function swapLast(x: Var): Var {
  const rank = x.shape.length;
  const order = x.shape.map((_, axis) => axis);
  return transpose(x, order.with(rank - 1, rank - 2).with(rank - 2, rank - 1));
}
