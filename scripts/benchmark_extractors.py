"""Time ways to run EfficientNet-Lite0 at 224 px on the CPU, and compare their features with the published network's.

python scripts/benchmark_extractors.py [--images 16] [--repeat 3] [--kind KIND …] [--out FILE.json]

    published            as its package makes it: batch norms apart, gray repeated to three channels
    folded               batch norms folded into the convolutions, stem of one channel
    folded channels_last what medattngan runs
    compiled             folded channels_last by torch.compile; needs a C++ compiler, and minutes once
    onnx                 folded, exported, by ONNX Runtime; needs the extra onnx, and onnx and onnxscript to export
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor

from medattngan.core.files import write_json
from medattngan.extractors.efficientnet import EfficientNetLite0, weights_path

BATCH = 8
Run = Callable[[Tensor], Tensor]


def published() -> Run:
    """The network as its package makes it, on gray repeated."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights_path(), weights_only=True))
    network.eval()

    def run(images: Tensor) -> Tensor:
        pixels = (((images + 1) * 127.5 - 127) / 128).expand(-1, 3, -1, -1)
        features: Tensor = network.extract_features(pixels).mean((2, 3))
        return features

    return run


class Contiguous(EfficientNetLite0):
    """The folded network in the ordinary order of memory."""

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers((images * (127.5 / 128) + 0.5 / 128).contiguous())
        return features.mean((2, 3))


def contiguous() -> Run:
    """Folded, not channels_last."""
    return Contiguous().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload,no-any-return]


def compiled() -> Run:
    """By torch.compile."""
    network: Run = torch.compile(EfficientNetLite0())
    return network


def onnx() -> Run:
    """By ONNX Runtime, with as many threads as torch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lite0.onnx"
        example = (torch.zeros(BATCH, 1, 224, 224),)
        torch.onnx.export(contiguous(), example, path, external_data=False, verbose=False)  # type: ignore[arg-type]
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: torch.from_numpy(session.run(None, {name: images.numpy()})[0])


KINDS: dict[str, Callable[[], Run]] = {
    "published": published,
    "folded": contiguous,
    "folded channels_last": EfficientNetLite0,
    "onnx": onnx,
    "compiled": compiled,
}


def time_kind(run: Run, images: Tensor, repeat: int) -> dict[str, Any]:
    """Features, and images a second by the least processor and wall time of `repeat` runs."""
    wall, cpu = [], []
    with torch.inference_mode():
        run(images[:BATCH])
        for _ in range(repeat):
            start, start_cpu = time.perf_counter(), time.process_time()
            features = torch.cat([run(batch) for batch in torch.split(images, BATCH)])
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - start_cpu)
    return {"features": features, "wall": len(images) / min(wall), "cpu": len(images) / min(cpu)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; write it to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16, help=f"A multiple of {BATCH}.")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    images = torch.rand(given.images, 1, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    print(f"{given.images} images of 224 px, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    print(f"{'':22}{'images / cpu s':>16}{'images / wall s':>16}{'ratio':>8}{'largest difference':>20}")
    rows: dict[str, dict[str, float]] = {}
    first: dict[str, Any] = {}
    for kind in given.kind or KINDS:
        found = time_kind(KINDS[kind](), images, given.repeat)
        first = first or found
        difference = (found["features"] - first["features"]).abs().max().item()
        ratio = found["cpu"] / first["cpu"]
        print(f"{kind:22}{found['cpu']:16.1f}{found['wall']:16.1f}{ratio:8.2f}{difference:20.1e}", flush=True)
        rows[kind] = {
            "images_per_cpu_second": found["cpu"],
            "images_per_second": found["wall"],
            "difference": difference,
        }
    if given.out:
        write_json(given.out, {"rows": rows, "load": os.getloadavg()[0], "threads": torch.get_num_threads()})


if __name__ == "__main__":
    main()
