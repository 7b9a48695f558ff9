"""The models of cases.ts in PyTorch, as functions of a dictionary of parameters with the same names."""

import json
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F

SMOOTH = 1e-5


def conv(p, name, x):
    weight = p[name + ".weight"]
    return F.conv2d(x, weight, p[name + ".bias"], padding=weight.shape[2] // 2)


def dice_loss(y, estimate, weight):
    axes = (1, 2, 3)
    shared = (weight * y * estimate).sum(axes)
    total = (weight * (y * y + estimate * estimate)).sum(axes)
    return 1 - (2 * shared + SMOOTH) / (total + SMOOTH)


class Paper:
    """encoder.ts, decoder.ts and loss.ts"""

    def __init__(self, model):
        self.beta0, self.beta1 = model["beta0"], model["beta1"]

    def encode(self, p, image, xm, xs, ym, ys):
        h = torch.cat([image, xm, xs, ym, ys], 1)
        h = F.relu(F.max_pool2d(conv(p, "encoder.conv1", h), 2))
        h = F.relu(F.max_pool2d(conv(p, "encoder.conv2", h), 2))
        h = F.max_pool2d(conv(p, "encoder.conv3", h), 2)
        return h[:, 0:1], h[:, 1:2]

    def infer(self, p, image, xm, xs, z):
        h = torch.cat([F.interpolate(z, scale_factor=8, mode="nearest"), image, xm, xs], 1)
        h = F.relu(F.max_pool2d(conv(p, "decoder.conv1", h), 2))
        h = F.relu(conv(p, "decoder.conv2", h))
        up = (p["decoder.up.weight"], p["decoder.up.bias"])
        h = F.relu(F.conv_transpose2d(h, *up, stride=2, padding=1, output_padding=1))
        h = torch.sigmoid(conv(p, "decoder.conv3", h))
        partialness = xm + (1 - xm) * h[:, 0:1]
        segmentation = (xm * xs + (1 - xm) * h[:, 1:2]) * partialness
        return {"partialness": partialness, "segmentation": segmentation}

    def loss(self, p, image, xm, xs, ym, ys, noise):
        mu, log_variance = self.encode(p, image, xm, xs, ym, ys)
        z = mu + torch.exp(log_variance / 2) * noise
        decoded = self.infer(p, image, xm, xs, z)
        segmentation = dice_loss(ys, decoded["segmentation"], ym - xm).mean()
        partialness = dice_loss(ym, decoded["partialness"], torch.ones_like(ym)).mean()
        divergence = (mu * mu + torch.exp(log_variance) - 1 - log_variance).sum((1, 2, 3)).mean() / 2
        return segmentation + self.beta0 * partialness + self.beta1 * divergence


class Unet:
    """unet.ts"""

    def __init__(self, model):
        self.levels, self.groups = len(model["widths"]), model["groups"]

    def two_convs(self, p, name, h):
        for i in "12":
            h = conv(p, name + ".conv" + i, h)
            if self.groups:
                norm = name + ".norm" + i
                h = F.group_norm(h, self.groups, p[norm + ".weight"], p[norm + ".bias"])
            h = F.relu(h)
        return h

    def infer(self, p, image):
        h, skips = image, []
        for level in range(self.levels):
            h = self.two_convs(p, f"down{level}", F.max_pool2d(h, 2) if level else h)
            skips.append(h)
        for level in reversed(range(self.levels - 1)):
            up = F.interpolate(h, scale_factor=2, mode="nearest")
            h = self.two_convs(p, f"up{level}", torch.cat([up, skips[level]], 1))
        return {"segmentation": torch.sigmoid(conv(p, "head", h))}

    def loss(self, p, image, target):
        segmentation = self.infer(p, image)["segmentation"]
        return dice_loss(target, segmentation, torch.ones_like(target)).mean()


KINDS = {"paper": Paper, "unet": Unet}


class Case:
    """What case-files.ts has written into a folder: the model, its starting weights, and data."""

    def __init__(self, folder, dtype=torch.float32, layout=torch.contiguous_format):
        folder = Path(folder)
        case = json.loads((folder / "case.json").read_text())

        def read(tensor):
            values = numpy.fromfile(folder / tensor["file"], "<f4").reshape(tensor["shape"])
            read = torch.from_numpy(values).to(dtype)
            return read.contiguous(memory_format=layout) if read.dim() == 4 else read

        self.seed = case["seed"]
        self.model = KINDS[case["model"]["kind"]](case["model"])
        self.parameters = {name: read(tensor).requires_grad_() for name, tensor in case["parameters"].items()}
        self.batch = {name: read(tensor) for name, tensor in case["batch"].items()}
        self.inputs = {name: read(tensor) for name, tensor in case["inputs"].items()}
        self.optimiser = torch.optim.Adam(self.parameters.values(), lr=1e-3)

    def step(self):
        """One training step; the loss before it."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.model.loss(self.parameters, **self.batch)
        loss.backward()
        self.optimiser.step()
        return loss.item()

    def infer(self):
        with torch.inference_mode():
            return self.model.infer(self.parameters, **self.inputs)

    def flat(self, values=lambda parameter: parameter.detach()):
        """Parameters, or what `values` makes of each, as one vector in the order of ours."""
        return torch.cat([values(parameter).reshape(-1) for parameter in self.parameters.values()])
