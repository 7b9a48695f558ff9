"""Runs Tendril's training graph (ONNX, written by `compileTraining`) with PyTorch on a CUDA device, for `run.mjs`.

    python3 execute.py GRAPH.onnx GRAPH.json STATE.bin FOLDER      # state and batches are raw float32, little-endian

Lines of JSON on standard input: {"slot": 0, "step": 7} trains on FOLDER/in-0 (the graph's batch inputs one after another) and writes the
graph's tensors to FOLDER/out-0; {"save": PATH} writes the state's vectors one after another. Each is answered by one line. The whole step
is captured once as a CUDA graph and replayed. Without a CUDA device it runs on the processor, for tests.
"""
import json
import sys
import threading
import queue
import time

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

GRAPH, FACTS, STATE, FOLDER = sys.argv[1:5]
CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
if CUDA:
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True

model = onnx.load(GRAPH).graph
facts = json.load(open(FACTS))
constants, integers = {}, {}
for tensor in model.initializer:
    value = numpy_helper.to_array(tensor)
    if value.dtype == np.int64:
        integers[tensor.name] = value.tolist()
    else:
        constants[tensor.name] = torch.from_numpy(value.copy()).to(DEVICE)


def shape_of(value):
    return [side.dim_value for side in value.type.tensor_type.shape.dim]


inputs = {value.name: shape_of(value) for value in model.input}
outputs = {value.name: shape_of(value) for value in model.output}
STATE_NAMES = facts["state"]
SLOTS = facts["slots"]
BATCH_NAMES = [name for name in inputs if name not in STATE_NAMES]


def pad(x, amounts):
    half = len(amounts) // 2
    pairs = [side for axis in reversed(range(half)) for side in (amounts[axis], amounts[half + axis])]
    return F.pad(x, pairs)


def cut(x, starts, ends, axes, steps=None):
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(axes)):
        if step < 0:
            # The engine reverses whole axes only.
            x = torch.flip(x, [axis])
        else:
            length = x.shape[axis]
            index = [slice(None)] * x.dim()
            index[axis] = slice(start if start >= 0 else start + length, min(end if end >= 0 else end + length, length), step)
            x = x[tuple(index)]
    return x


def resize(x, scales, mode):
    factor = int(scales[2])
    if mode == "nearest":
        return F.interpolate(x, scale_factor=factor, mode="nearest")
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


UNARY = {
    "Relu": torch.relu, "Neg": torch.neg, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt, "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh, "Cos": torch.cos, "Softplus": F.softplus, "Identity": lambda x: x,
}
BINARY = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Min": torch.minimum, "Greater": torch.gt,
    "Equal": torch.eq, "MatMul": torch.matmul,
}


def operation(node):
    """A function of the environment that computes the node's output."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    op, names = node.op_type, list(node.input)
    if op in UNARY:
        return lambda env: UNARY[op](env[names[0]])
    if op in BINARY:
        return lambda env: BINARY[op](env[names[0]], env[names[1]])
    if op in ("Reshape", "Expand", "ReduceSum", "Slice", "Pad"):
        numbers = [integers[name] for name in names[1:]]
        if op == "Reshape":
            return lambda env: env[names[0]].reshape(numbers[0])
        if op == "Expand":
            return lambda env: env[names[0]].expand(numbers[0])
        if op == "ReduceSum":
            keep = attributes["keepdims"] == 1
            return lambda env: env[names[0]].sum(numbers[0], keepdim=keep) if numbers[0] else env[names[0]]
        if op == "Slice":
            return lambda env: cut(env[names[0]], *numbers)
        return lambda env: pad(env[names[0]], numbers[0])
    if op == "Transpose":
        return lambda env: env[names[0]].permute(attributes["perm"])
    if op == "Concat":
        return lambda env: torch.cat([env[name] for name in names], attributes["axis"])
    if op == "Cast":
        return lambda env: env[names[0]].float()
    if op == "Softmax":
        return lambda env: torch.softmax(env[names[0]], attributes["axis"])
    if op == "Conv":
        padding = attributes["pads"][:2]
        return lambda env: F.conv2d(
            env[names[0]], env[names[1]], env[names[2]] if len(names) > 2 else None, attributes["strides"], padding
        )
    if op == "MaxPool":
        return lambda env: F.max_pool2d(env[names[0]], 2)
    if op == "AveragePool":
        return lambda env: F.avg_pool2d(env[names[0]], attributes["kernel_shape"])
    if op == "Resize":
        mode = attributes["mode"].decode()
        scales = constants[names[2]].tolist()
        return lambda env: resize(env[names[0]], scales, mode)
    raise SystemExit(f"The graph holds {op}, which this program does not know.")


nodes = [(node.output[0], operation(node), list(node.input)) for node in model.node]
last_use = {}
for place, (_, _, names) in enumerate(nodes):
    for name in names:
        last_use[name] = place
kept = set(outputs) | set(inputs) | set(constants)
dying = {}
for name, place in last_use.items():
    if name not in kept:
        dying.setdefault(place, []).append(name)


def run(static):
    env = {**constants, **static}
    for place, (name, compute, _) in enumerate(nodes):
        env[name] = compute(env)
        for dead in dying.get(place, ()):
            env.pop(dead, None)
    return {name: env[name] for name in outputs}


@torch.no_grad()
def main():
    static = {name: torch.zeros(shape, device=DEVICE) for name, shape in inputs.items()}
    sizes = {name: static[name].numel() for name in inputs}
    values = np.fromfile(STATE, np.float32)
    start = 0
    for name in STATE_NAMES:
        static[name].copy_(torch.from_numpy(values[start : start + sizes[name]]).reshape(inputs[name]))
        start += sizes[name]
    tensors, terms = facts["tensors"], facts["terms"]

    def step():
        out = run(static)
        said = torch.stack([out[name].reshape([]) for name in terms])
        new = [out[f"new_{name}"] for name in STATE_NAMES]
        sound = torch.stack([torch.isfinite(vector).all() for vector in new] + [torch.isfinite(said).all()]).all()
        for name, vector in zip(STATE_NAMES, new):
            # A step with a number that is not finite leaves the last good state.
            static[name].copy_(torch.where(sound, vector, static[name]))
        answers = torch.cat([out[name].reshape(-1) for name in tensors])
        return torch.cat([said, sound.float().reshape(1)]), answers

    batch_size = sum(sizes[name] for name in BATCH_NAMES)
    answer_size = sum(int(np.prod(outputs[name])) for name in tensors)
    staged = [torch.zeros(batch_size, device=DEVICE) for _ in range(SLOTS)]
    pinned = [torch.zeros(batch_size, pin_memory=CUDA) for _ in range(SLOTS)]
    back = torch.zeros(answer_size, pin_memory=CUDA)
    files = [np.memmap(f"{FOLDER}/in-{slot}", np.float32, "r+", shape=(batch_size,)) for slot in range(SLOTS)]
    answers_to = [np.memmap(f"{FOLDER}/out-{slot}", np.float32, "r+", shape=(answer_size,)) for slot in range(SLOTS)]

    if CUDA:
        saved = {name: static[name].clone() for name in STATE_NAMES}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            said, answers = step()
        for name in STATE_NAMES:
            static[name].copy_(saved[name])
        copying = torch.cuda.Stream()

    orders = queue.Queue()

    def read():
        for line in sys.stdin:
            order = json.loads(line)
            if "slot" in order:
                slot = order["slot"]
                pinned[slot].copy_(torch.from_numpy(files[slot]))
                if CUDA:
                    with torch.cuda.stream(copying):
                        staged[slot].copy_(pinned[slot], non_blocking=True)
                    copying.synchronize()
                else:
                    staged[slot].copy_(pinned[slot])
            orders.put(order)
        orders.put(None)

    threading.Thread(target=read, daemon=True).start()
    print(json.dumps({"ready": torch.cuda.get_device_name() if CUDA else "cpu", "torch": torch.__version__}), flush=True)
    while (order := orders.get()) is not None:
        if "save" in order:
            np.concatenate([static[name].reshape(-1).cpu().numpy() for name in STATE_NAMES]).tofile(order["save"])
            print(json.dumps(order), flush=True)
            continue
        began = time.perf_counter()
        slot, start = order["slot"], 0
        for name in BATCH_NAMES:
            static[name].copy_(staged[slot][start : start + sizes[name]].reshape(inputs[name]))
            start += sizes[name]
        if CUDA:
            graph.replay()
        else:
            said, answers = step()
        back.copy_(answers)
        answers_to[slot][:] = back.numpy()
        values = said.cpu().tolist()
        took = 1000 * (time.perf_counter() - began)
        print(
            json.dumps({**order, "sound": values[-1] == 1, "ms": took, "terms": dict(zip(terms, values))}), flush=True
        )


main()
