"""PyTorch's side of the bench: one JSON request a line on standard input, one answer a line on standard output.

    {"threads": 2}                               {"version": "1.13.1", "blas": "openblas"}
    {"load": FOLDER, "layout": LAYOUT}           {"loaded": 0}
    {"run": 0, "task": "step", "times": 3}       {"seconds": [...], "values": [losses]}
    {"run": 0, "task": "infer", "times": 3}      {"seconds": [...], "values": [some of the segmentation]}
"""

import json
import sys
from time import perf_counter

import torch
from torch_models import Case

LAYOUTS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}
SAMPLED = 997  # as in timed.ts


def run(case, task, times):
    seconds, values = [], []
    for _ in range(times):
        start = perf_counter()
        result = case.step() if task == "step" else case.infer()
        seconds.append(perf_counter() - start)
        values.append(result)
    if task == "infer":
        values = values[-1]["segmentation"].reshape(-1)[::SAMPLED].tolist()
    return {"seconds": seconds, "values": values}


def blas():
    """Debian's PyTorch takes whichever BLAS is installed, and the reference one is some 20 times slower than OpenBLAS."""
    with open("/proc/self/maps") as maps:
        return "openblas" if "openblas" in maps.read() else "reference"


def main():
    cases = []
    for line in sys.stdin:
        request = json.loads(line)
        if "threads" in request:
            torch.set_num_threads(request["threads"])
            answer = {"version": torch.__version__, "blas": blas()}
        elif "load" in request:
            cases.append(Case(request["load"], layout=LAYOUTS[request["layout"]]))
            answer = {"loaded": len(cases) - 1}
        else:
            answer = run(cases[request["run"]], request["task"], request["times"])
        print(json.dumps(answer), flush=True)


main()
