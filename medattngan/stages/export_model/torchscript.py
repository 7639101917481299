"""TorchScript: the network as one file that PyTorch runs from Python or C++, in batches of any size, on any device.

A trace writes down what one batch went through (https://pytorch.org/docs/stable/generated/torch.jit.trace.html).
Networks here take the size of a batch from `z.shape[0]`, which a trace follows; the device on which a tensor is made is
written down as a constant, which is taken out again.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch

from medattngan.stages.export_model.known import Known
from medattngan.stages.export_model.portable import OneTensor, Portable, require_equal

FILE = "model.ts"
USE = """```python
import torch

model = torch.jit.load("model.ts")
slices = model({call})  # {shape} float32, {unit}
```"""


def trace(network: Portable | OneTensor) -> torch.jit.ScriptModule:
    """The network as TorchScript.

    Raises:
        UserError: it does not draw the same slices, or not in batches of another size.
    """
    with warnings.catch_warnings(), torch.no_grad():
        # PyTorch 2.9 and later advise torch.export, which neither MONAI's bundles nor medigan read.
        warnings.simplefilter("ignore")
        traced: torch.jit.ScriptModule = torch.jit.trace(  # type: ignore[no-untyped-call]
            network, network.example(2), check_trace=False
        )
        for part in traced.modules():
            held: Any = part._c
            if held._has_method("forward"):
                _forget_devices(part.graph)
    require_equal(network, traced, "TorchScript", step_of(network))
    return traced


def step_of(network: Portable | OneTensor) -> float:
    """Two steps of the intensity map: what rounding differs by, where it differs."""
    plain = network.network if isinstance(network, OneTensor) else network
    return 2.001 * plain.intensity.step


def _forget_devices(graph: Any) -> None:
    """Let tensors be made where their model tensor lies: without `device`, `new_zeros` and its like do so."""
    for node in graph.nodes():
        for block in node.blocks():
            _forget_devices(block)
        for place, value in enumerate(list(node.inputs())):
            made = value.node()
            if not (made.kind() == "prim::Constant" and str(value.type()) == "Device"):
                continue
            if node.kind() == "aten::to":  # (self, device, dtype, …) is then (self, dtype, …)
                node.removeInput(place)
                break
            if "(Tensor self" in node.schema():
                nothing = graph.create("prim::Constant")
                nothing.output().setType(torch._C.NoneType.get())
                nothing.insertBefore(node)
                node.replaceInput(place, nothing.output())


def save(network: Portable | OneTensor, path: Path) -> None:
    """Write the network to a file, as TorchScript.

    Raises:
        UserError: see `trace`.
    """
    traced, whole = trace(network), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(traced, whole)
    path.write_bytes(whole.getvalue())  # by ourselves: PyTorch's own writer ends the process where the disk is full


def write(known: Known, folder: Path) -> None:
    """Write model.ts into the folder."""
    save(known.network, folder / FILE)


def use(known: Known) -> str:
    """How the file is called."""
    network = known.network
    call = [f"torch.randn(16, {network.z_dim})"]
    call += [f"torch.full((16,), {known.usual(one)})" for one in network.conditions]
    return USE.format(call=", ".join(call), shape=(16, 1, network.size, network.size), unit=network.intensity.unit)
