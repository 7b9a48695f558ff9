/** What runs a graph: the same interface over ONNX Runtime in Node and in the browser. */
import { TendrilError } from "../core/index.ts";
import type { Shape } from "./graph.ts";

export interface HostTensor {
  readonly data: Float32Array;
  readonly shape: Shape;
}

export type Tensors = Readonly<Record<string, HostTensor>>;

/** A graph that has been loaded. Runs must not overlap. */
export interface Session {
  run(inputs: Tensors): Promise<Tensors>;
  close(): Promise<void>;
}

/** `cpu` everywhere; `webgpu` where there is a GPU (or a software Vulkan). In the browser `cpu` is WebAssembly. */
export type Device = "cpu" | "webgpu";

export interface Runtime {
  /** For reports: "onnxruntime-node 1.30.0, cpu, 2 threads". */
  readonly name: string;
  /** @throws {EngineError} when the runtime refuses the model */
  load(model: Uint8Array): Promise<Session>;
}

export interface RuntimeOptions {
  readonly device?: Device;
  /** CPU threads; more are not always faster on a busy machine. 0 leaves the choice to the runtime. */
  readonly threads?: number;
}

/** The runtime refused a model or could not run it. */
export class EngineError extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("engine", message, options);
  }
}

/** What both ONNX Runtime packages have in common, as far as we use it. */
interface OrtTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
  dispose(): void;
}

interface OrtSession {
  run(feeds: Record<string, OrtTensor>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

/** Wraps a session of either package. `makeTensor` is that package's tensor constructor. */
export function wrapSession(session: OrtSession, makeTensor: (data: Float32Array, shape: Shape) => OrtTensor): Session {
  return {
    async run(inputs) {
      const feeds: Record<string, OrtTensor> = {};
      for (const [name, { data, shape }] of Object.entries(inputs)) feeds[name] = makeTensor(data, shape);
      const results = await session.run(feeds).catch((cause: unknown) => {
        throw new EngineError(`The engine could not run the model: ${firstLine(cause)}`, { cause });
      });
      const out: Record<string, HostTensor> = {};
      for (const [name, tensor] of Object.entries(results)) {
        if (!(tensor.data instanceof Float32Array)) throw new EngineError(`The model's output ${name} is not float32.`);
        out[name] = { data: tensor.data, shape: [...tensor.dims] };
      }
      return out;
    },
    close: () => session.release(),
  };
}

export function refusedModel(cause: unknown): EngineError {
  return new EngineError(`The engine refused the model: ${firstLine(cause)}`, { cause });
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0];
}
