"""ONNX: the network for runtimes other than PyTorch, in batches of any size, its constants folded.

Kernels that a generator computes from its weights are constants by the time the file is written
(https://onnxscript.ai, the optimizer of PyTorch's exporter). What is written is tried in onnxruntime before it is kept.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor

from medattngan.conditions.labels import Label
from medattngan.core.files import UserError
from medattngan.stages.export_model.known import Known
from medattngan.stages.export_model.portable import Portable, Told, require_equal
from medattngan.stages.export_model.torchscript import step_of

FILE = "model.onnx"
NEEDS = ("onnx", "onnxscript", "onnxruntime")
USE = """```python
import numpy as np, onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
slices, = session.run(None, {feed})  # {shape} float32, {unit}
```"""


def write(known: Known, folder: Path) -> None:
    """Write model.onnx into the folder.

    Raises:
        UserError: the extra is not installed, or onnxruntime draws other slices.
    """
    require_packages()
    _export(known.network, folder / FILE)
    require_equal(known.network, _Session(folder / FILE, known.network.names), "ONNX", step_of(known.network))


def use(known: Known) -> str:
    """How the file is called."""
    network = known.network
    feed = [f'"z": np.random.randn(16, {network.z_dim}).astype(np.float32)']
    feed += [f'"{one.name}": np.full(16, {known.usual(one)}, np.{_dtype(one)})' for one in network.conditions]
    given = "{" + ", ".join(feed) + "}"
    return USE.format(feed=given, shape=(16, 1, network.size, network.size), unit=network.intensity.unit)


def _dtype(condition: Told) -> str:
    return "int64" if isinstance(condition, Label) else "float32"


def require_packages() -> None:
    """Refuse to begin without what it takes.

    Raises:
        UserError: naming what is missing and the command that installs it.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"--format onnx needs {', '.join(missing)}; install them with: pip install 'medattngan[onnx]'")


def _export(network: Portable, path: Path) -> None:
    inputs = network.example(2)
    free = torch.export.Dim("batch", min=1)
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network, inputs, dynamo=True, verbose=False, input_names=list(network.names), output_names=["slices"],
                dynamic_shapes=({0: free}, tuple({0: free} for _ in inputs[1:]))[: min(2, len(inputs))],
            )  # fmt: skip
    finally:
        quiet.setLevel(level)
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    program.save(str(path))


class _Session:
    """A file of ONNX as a function of tensors, on the CPU."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        import onnxruntime

        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.names = names

    def __call__(self, *inputs: Tensor) -> Tensor:
        feed = {name: one.numpy() for name, one in zip(self.names, inputs, strict=True)}
        return torch.from_numpy(self.session.run(None, feed)[0])
