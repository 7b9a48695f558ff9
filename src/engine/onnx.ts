/**
 * Writes an ONNX model file: the part of onnx.proto3 that our graphs use, in protobuf's wire format.
 *
 * Field numbers are those of onnx.proto (IR version 8, operator set 17: the newest that Debian's checker knows).
 */
import { InternalError } from "../core/index.ts";

export const OPSET = 17;
const IR_VERSION = 8;

export type Attribute = number | string | readonly number[] | { readonly float: number };

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

export interface ValueSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface ModelSpec {
  readonly name: string;
  readonly doc: string;
  readonly nodes: readonly NodeSpec[];
  readonly initializers: readonly TensorSpec[];
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
}

const FLOAT = 1;
const INT64 = 7;

/** @returns the bytes of an ordinary .onnx file */
export function encodeModel(model: ModelSpec): Uint8Array {
  const graph = new Message();
  for (const [i, node] of model.nodes.entries()) graph.message(1, encodeNode(node, i));
  graph.text(2, model.name);
  for (const tensor of model.initializers) graph.message(5, encodeTensor(tensor));
  for (const value of model.inputs) graph.message(11, encodeValue(value));
  for (const value of model.outputs) graph.message(12, encodeValue(value));
  return new Message()
    .integer(1, IR_VERSION)
    .text(2, "tendril")
    .text(6, model.doc)
    .message(7, graph)
    .message(8, new Message().text(1, "").integer(2, OPSET))
    .bytes();
}

function encodeNode(node: NodeSpec, index: number): Message {
  const out = new Message();
  for (const input of node.inputs) out.text(1, input);
  out.text(2, node.output).text(3, `${node.op}_${index}`).text(4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) out.message(5, encodeAttribute(name, value));
  return out;
}

function encodeAttribute(name: string, value: Attribute): Message {
  const out = new Message().text(1, name);
  if (typeof value === "number") return out.integer(3, value).integer(20, 2);
  if (typeof value === "string") return out.text(4, value).integer(20, 3);
  if ("float" in value) return out.float(2, value.float).integer(20, 1);
  for (const i of value) out.integer(8, i);
  return out.integer(20, 7);
}

function encodeTensor({ name, shape, data }: TensorSpec): Message {
  const out = new Message();
  for (const dim of shape) out.integer(1, dim);
  return out
    .integer(2, data instanceof Float32Array ? FLOAT : INT64)
    .text(8, name)
    .raw(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function encodeValue({ name, shape }: ValueSpec): Message {
  const dims = new Message();
  for (const dim of shape) dims.message(1, new Message().integer(1, dim));
  const tensor = new Message().integer(1, FLOAT).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

/** One protobuf message under construction: a list of chunks and their length. */
class Message {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;

  integer(field: number, value: number): this {
    return this.push(varint(field << 3), varint(value));
  }

  float(field: number, value: number): this {
    const four = new Uint8Array(4);
    new DataView(four.buffer).setFloat32(0, value, true);
    return this.push(varint((field << 3) | 5), four);
  }

  text(field: number, value: string): this {
    return this.raw(field, new TextEncoder().encode(value));
  }

  raw(field: number, value: Uint8Array): this {
    return this.push(varint((field << 3) | 2), varint(value.length), value);
  }

  message(field: number, value: Message): this {
    return this.push(varint((field << 3) | 2), varint(value.length), ...value.chunks);
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this.chunks) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }

  private push(...chunks: Uint8Array[]): this {
    for (const chunk of chunks) {
      this.chunks.push(chunk);
      this.length += chunk.length;
    }
    return this;
  }
}

/** Base-128 varint of an integer; negative ones as 64-bit two's complement, ten bytes. */
function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new InternalError(`${value} is not an integer that ONNX can hold.`);
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    out.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(out);
}
