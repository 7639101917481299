"""A generator that leaves the house draws what it drew at home, or says in a sentence why it cannot leave."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import tiny
from helpers.told import conditions
from torch import Tensor, nn

from medattngan.attention import ATTENTION
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.intensity import IntensityMap
from medattngan.data.samples import Samples
from medattngan.models import PRESETS
from medattngan.stages.explain.explain import explain
from medattngan.stages.export_model import portable as portables
from medattngan.stages.export_model.export_model import MODEL_FORMATS, export_model
from medattngan.stages.export_model.portable import OneTensor, Portable, portable
from medattngan.stages.export_model.torchscript import trace
from medattngan.stages.sample.generate import generate
from medattngan.stages.sample.sample import latents

MAP = IntensityMap(0.0, 1200.0, "a.u.")


def told_inputs(drawn: Samples, network: Portable) -> list[Tensor]:
    """The conditions that the slices were drawn with, as other programs give them."""
    columns = []
    for one in network.conditions:
        values = list(drawn.table[one.name])
        columns.append(one.encode(values) if one.name == "label" else torch.tensor(values, dtype=torch.float32))
    return columns


def loaded(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.load is deprecated, and what MONAI and medigan use
        return torch.jit.load(path)


def physical(drawn: Samples) -> np.ndarray[Any, Any]:
    return np.stack([drawn.physical(i) for i in range(len(drawn))])


def test_torchscript_draws_what_sample_draws_in_batches_of_any_size(run: Run, drawn: Samples, tmp_path: Path) -> None:
    network = loaded(export_model(run, tmp_path / "out", format="torchscript") / "model.ts")
    z = latents(3, 0, len(drawn), 8)
    inputs = [z, *told_inputs(drawn, portable(run, run.checkpoint()))]
    for count in (1, 7, 20):
        made = network(*(one[:count] for one in inputs))[:, 0].numpy()
        assert made.shape == (count, 32, 32)
        assert np.abs(made - physical(drawn)[:count]).max() <= 1.001 * drawn.map.step


def test_a_trace_names_no_device(told: Run, tmp_path: Path) -> None:
    network = loaded(export_model(told, tmp_path / "out", format="torchscript") / "model.ts")
    nodes = list(network.inlined_graph.nodes())
    assert len(nodes) > 50
    assert [node.kind() for node in nodes for value in node.inputs() if str(value.type()) == "Device"] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ATTENTION)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_with_every_attention_can_be_traced(preset: str, kind: str) -> None:
    resolutions = [] if kind == "none" else [8]
    try:
        system = tiny(preset, attention={"kind": kind, "resolutions": resolutions})
    except UserError:
        pytest.skip("cannot be built that small")
    generator = system.networks[system.generator].eval().requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if name.endswith("gamma"):
            parameter.data.fill_(0.7)
    assert trace(Portable(generator, (), MAP, 32).eval()).graph is not None  # which it has held against the network


class Frozen(nn.Module):
    """A network that takes the size of its batch from Python, which a trace does not follow."""

    z_dim = 4

    def forward(self, z: Tensor, told: object) -> Tensor:
        return torch.tanh(z.sum(1)).reshape(len(z), 1, 1, 1).expand(len(z), 1, 32, 32)


def test_a_network_that_is_frozen_to_its_batch_is_refused() -> None:
    with pytest.raises(UserError, match=r"batch from z.shape\[0\]|draws other slices"):
        trace(Portable(Frozen(), (), MAP, 32).eval())


def test_a_condition_that_is_neither_label_nor_number_is_refused(
    plain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Words:
        name = "caption"

    monkeypatch.setattr(portables, "of_run", lambda store: (Words(),))
    for name in MODEL_FORMATS:
        if name != "onnx":
            with pytest.raises(UserError, match="trained with caption, which is neither a label nor a number"):
                export_model(plain, tmp_path / name, format=name)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_draws_several_slices_at_once_is_refused(plain: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stacks(nn.Module):
        z_dim = 8

        def forward(self, z: Tensor, told: object) -> Tensor:
            return z.new_zeros(z.shape[0], 5, 32, 32)

    monkeypatch.setattr(portables, "load_generator", lambda run, checkpoint: Stacks())
    with pytest.raises(UserError, match=r"draws \(5, 32, 32\) a slice"):
        portable(plain, plain.checkpoint())


def test_one_tensor_says_the_same_as_several() -> None:
    system = tiny("compact", classes=2, data={"conditions": ["age"]})
    network = Portable(system.networks["generator"].eval(), conditions(2, ("age",)), MAP, 32).eval()  # type: ignore[arg-type]
    z, age, label = torch.randn(3, 8), torch.tensor([-1.0, 0.0, 0.4]), torch.tensor([1, 0, 1])
    inputs = {"z": z, "label": label, "age": age}
    with torch.no_grad():
        several = network(*(inputs[name] for name in network.names))
        one = OneTensor(network)(torch.cat([z, label[:, None].float(), age[:, None]], 1))
    assert torch.equal(several, one)


def test_a_folder_for_the_hub_is_sampled_from_like_the_run(run: Run, drawn: Samples, tmp_path: Path) -> None:
    folder = export_model(run, tmp_path / "out", format="safetensors")
    assert {path.name for path in folder.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    again = generate(folder, len(drawn), seed=3)
    assert np.array_equal(again.codes, drawn.codes)
    assert again.provenance["run"] == drawn.provenance["run"]
    with pytest.raises(UserError, match="holds a generator alone; give the run it was exported from"):
        explain(folder, tmp_path / "explained")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(UserError, match=r"model\.safetensors is not what was written"):
        generate(folder, 1)


def test_evidence_of_other_weights_is_refused(plain: Run, told: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was not drawn from"):
        export_model(plain, tmp_path / "out", format="safetensors", evidence=[told.path.parent / "samples"])
    with pytest.raises(UserError, match="is of the kind run"):
        export_model(plain, tmp_path / "out", format="safetensors", evidence=[plain.path])


def test_an_unknown_format_is_answered_with_those_there_are(plain: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be one of monai, medigan, torchscript, onnx, safetensors"):
        export_model(plain, tmp_path / "out", format="pickle")


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(plain: Run, tmp_path: Path) -> None:
    for name in ("safetensors", "medigan", "monai"):
        first, second = (export_model(plain, tmp_path / f"{name}{i}", format=name) for i in (1, 2))
        texts = [path for path in first.rglob("*") if path.is_file() and path.suffix not in (".ts", ".zip")]
        assert texts
        assert all(path.read_bytes() == (second / path.relative_to(first)).read_bytes() for path in texts)


def test_numbers_beyond_the_range_count_as_its_ends() -> None:
    system = tiny("compact", data={"conditions": ["age"]})
    network = Portable(system.networks["generator"].eval(), conditions(0, ("age",)), MAP, 32).eval()  # type: ignore[arg-type]
    z = torch.randn(1, 8)
    with torch.no_grad():
        assert torch.equal(network(z, torch.tensor([9.0])), network(z, torch.tensor([1.0])))
        other = replace(network.conditions[0], quantiles=tuple(2 * q for q in network.conditions[0].quantiles))  # type: ignore[union-attr]
        network.conditions = (other,)
        assert not torch.equal(network(z, torch.tensor([9.0])), network(z, torch.tensor([1.0])))
