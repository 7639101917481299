"""Extractors by path: TorchScript, ONNX and encoders, each named by its digest."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from helpers.onnx_bytes import average_pool_onnx
from torch import Tensor, nn

from medattngan.core.files import UserError, digest
from medattngan.extractors.external import External
from medattngan.extractors.table import extract, load_extractor

# PyTorch names torch.export in its place; what users have are TorchScript files.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:`torch.jit:{kind}") for kind in ("DeprecationWarning", "FutureWarning")
]
has_onnx = pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="the extra onnx is not installed")
IMAGES = torch.rand(5, 1, 20, 20, generator=torch.Generator().manual_seed(0)) * 2 - 1


class Net(nn.Module):
    """A convolution whose maps are not pooled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.convolution(images).relu()


def write_torchscript(path: Path, channels: int = 3) -> Net:
    torch.manual_seed(0)
    network = Net(channels)
    torch.jit.script(network).save(str(path))
    return network


@pytest.mark.parametrize("channels", [1, 3])
def test_a_torchscript_file_is_an_extractor_named_by_its_digest(tmp_path: Path, channels: int) -> None:
    network = write_torchscript(tmp_path / "net.pt", channels)
    extractor = load_extractor(f"{tmp_path / 'net.pt'}@20")
    assert extractor.score_name("fd") == f"fd[torchscript:net@{digest(tmp_path / 'net.pt')[:8]},20px]"
    expected = network(IMAGES.expand(-1, channels, -1, -1)).mean((2, 3))
    torch.testing.assert_close(extract(extractor, IMAGES), expected.detach())


def test_images_are_resized_to_what_the_network_was_trained_at(tmp_path: Path) -> None:
    write_torchscript(tmp_path / "net.pt")
    extractor = load_extractor(str(tmp_path / "net.pt"))
    assert isinstance(extractor.network, External)
    assert extractor.network.size_px == 224
    assert extractor.name.endswith(digest(tmp_path / "net.pt")[:8])


@has_onnx
def test_an_onnx_file_is_an_extractor_named_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "pool.onnx").write_bytes(average_pool_onnx(channels=3, size=20))
    extractor = load_extractor(str(tmp_path / "pool.onnx"))
    assert extractor.name == f"onnx:pool@{digest(tmp_path / 'pool.onnx')[:8]},20px"
    torch.testing.assert_close(extract(extractor, IMAGES), IMAGES.mean((2, 3)).expand(-1, 3))


@has_onnx
@pytest.mark.parametrize("count", [1, 4])
def test_an_onnx_file_that_was_exported_for_a_fixed_batch_takes_any_number(tmp_path: Path, count: int) -> None:
    (tmp_path / "any.onnx").write_bytes(average_pool_onnx(channels=3, size=20))
    (tmp_path / "fixed.onnx").write_bytes(average_pool_onnx(channels=3, size=20, batch=count))
    images = torch.rand(10, 1, 20, 20, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = [extract(load_extractor(str(tmp_path / f"{name}.onnx")), images) for name in ("any", "fixed")]
    assert torch.equal(*found)


@has_onnx
def test_an_onnx_file_of_one_size_refuses_another(tmp_path: Path) -> None:
    (tmp_path / "pool.onnx").write_bytes(average_pool_onnx(channels=3, size=20))
    with pytest.raises(UserError, match="20 px only; leave out @64"):
        load_extractor(f"{tmp_path / 'pool.onnx'}@64")


@has_onnx
def test_a_damaged_onnx_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    with pytest.raises(UserError, match="cannot be loaded by ONNX Runtime"):
        load_extractor(str(tmp_path / "bad.onnx"))


def test_onnx_without_its_extra_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.onnx").write_bytes(b"anything")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'medattngan\[onnx\]'"):
        load_extractor(str(tmp_path / "net.onnx"))


def test_a_file_that_is_no_torchscript_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "weights.pt")
    with pytest.raises(UserError, match="is not TorchScript"):
        load_extractor(str(tmp_path / "weights.pt"))


def test_a_network_of_another_input_is_refused_with_what_was_tried(tmp_path: Path) -> None:
    torch.jit.script(nn.Linear(7, 2)).save(str(tmp_path / "linear.pt"))
    with pytest.raises(UserError, match=r"does not take \(1, 3, 224, 224\)"):
        load_extractor(str(tmp_path / "linear.pt"))


def test_a_path_that_is_not_there_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_extractor(str(tmp_path / "none.onnx"))
    (tmp_path / "net.h5").write_bytes(b"keras")
    with pytest.raises(UserError, match="is neither"):
        load_extractor(str(tmp_path / "net.h5"))


def test_the_folder_of_an_encoder_is_an_extractor(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from medattngan.core.files import write_json
    from medattngan.core.seal import seal
    from medattngan.extractors.encoder import DIM, RECORD, WEIGHTS, EncoderNetwork

    folder = tmp_path / "mine"
    folder.mkdir()
    weights = {name: weight.contiguous() for name, weight in EncoderNetwork(32).state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    found = digest(folder / WEIGHTS)
    write_json(folder / RECORD, {"size_px": 32, "weights_sha256": found})
    seal(folder, "encoder")
    for name in (str(folder), f"encoder:{folder}"):
        extractor = load_extractor(name)
        assert extractor.score_name("fd") == f"fd[encoder:mine@{found[:8]}]"
        assert extract(extractor, IMAGES).shape == (5, DIM)


def test_a_folder_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not an encoder"):
        load_extractor(f"encoder:{tmp_path}")
