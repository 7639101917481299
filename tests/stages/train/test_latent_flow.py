"""A flow learns how codes lie, and leaves the encoder and the decoder that it was given as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tape import Guard
from helpers.tiny import tiny_config
from safetensors.torch import load_file

from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.batches import Batches
from medattngan.data.resident import Resident
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.encode.encode import encode
from medattngan.stages.encode.reconstruct import reconstruct
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.graphs import Unrecorded
from medattngan.stages.train.players import Players
from medattngan.stages.train.train import train

SHORT = {
    "kimg": 0.012, "minutes": None, "batch_size": 4, "validate_minutes": None, "accelerator": "cpu",
    "checkpoint_steps": 1,
}  # fmt: skip


def config(preset: str, flow: str | None = None) -> Config:
    model = {"preset": preset, "z_dim": 8, "generator_width": 8, "discriminator_width": 8, "flow": flow}
    return tiny_config(preset, data={"size": 32, "conditional": True}, model=model, train=SHORT)


@pytest.fixture(scope="module")
def parent(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("parent") / "run"
    return train(config("vae_gan"), tiny_store, path, progress=False)


@pytest.fixture(scope="module", params=["coupling", "matching"])
def flow(
    request: pytest.FixtureRequest, parent: Run, tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    path = tmp_path_factory.mktemp("flow") / "run"
    return train(config("latent_flow", request.param), tiny_store, path, begin=parent, progress=False)


def test_it_begins_from_a_run_of_vae_gan_and_from_nothing_else(tiny_store: SliceStore, tmp_path: Path) -> None:
    other = Run.create(tmp_path / "compact", config("compact"), {})
    for begin, resume in ((None, False), (None, True), (other, False)):
        with pytest.raises(UserError, match=r"goes on with what a run of vae_gan has learned; give one: --begin RUN"):
            train(config("latent_flow"), tiny_store, tmp_path / "run", begin=begin, resume=resume, progress=False)
    assert not (tmp_path / "run").exists()


def test_the_flow_alone_moves(parent: Run, flow: Run) -> None:
    before, after = (run.checkpoint("last") for run in (parent, flow))
    for name in ("ema", "encoder_ema"):
        old, new = (load_file(folder / f"{name}.safetensors") for folder in (before, after))
        assert all(torch.equal(tensor, new[key]) for key, tensor in old.items()), name
    moved = {key: tensor for key, tensor in load_file(after / "ema.safetensors").items() if key.startswith("flow.")}
    assert any(bool(tensor.abs().max() > 0) for key, tensor in moved.items() if "output" in key)


def test_codes_are_drawn_again_as_the_parent_draws_them(
    parent: Run, flow: Run, tiny_store: SliceStore, tmp_path: Path
) -> None:
    drawn = []
    for number, run in enumerate((parent, flow)):
        latents = encode(run, tiny_store, tmp_path / f"latents-{number}", progress=False)
        drawn.append(reconstruct(run, latents, tmp_path / f"redrawn-{number}", progress=False).codes)
        assert ("log_density" in latents.table) == (run.config.model.flow == "coupling")
    assert np.array_equal(*drawn)


def test_what_it_samples_is_synthetic(flow: Run, tmp_path: Path) -> None:
    made = sample(flow, tmp_path / "samples", count=3, progress=False)
    assert not made.of_patients
    assert made.codes.std() > 0


@pytest.mark.parametrize("kind", ["coupling", "matching"])
def test_a_round_reads_nothing_back_and_draws_nothing(kind: str, tiny_store: SliceStore) -> None:
    asked = config("latent_flow", kind).model_copy(update={"data": tiny_config().data})
    batches = Batches(tiny_store.split("train"), 32, 4, 0)
    game = Players(asked, build(asked), batches, recorder=Unrecorded())
    game.slices = Resident(batches, game.fabric.device)
    inputs = game._inputs()
    with Guard() as guard:
        game.whole_round(inputs)
    assert guard.count > 50
    assert not guard.broken


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["vae_gan", "latent_flow"])
def test_a_training_that_is_resumed_ends_in_the_same_bytes(
    preset: str, parent: Run, tiny_store: SliceStore, tmp_path: Path
) -> None:
    begin = parent if preset == "latent_flow" else None
    whole = train(config(preset), tiny_store, tmp_path / "whole", begin=begin, progress=False)
    short = config(preset).model_copy(update={"train": config(preset).train.model_copy(update={"kimg": 0.008})})
    train(short, tiny_store, tmp_path / "parts", begin=begin, progress=False)
    resumed = train(config(preset), tiny_store, tmp_path / "parts", resume=True, progress=False)
    first, second = (run.checkpoint("last") for run in (whole, resumed))
    names = {path.name for path in first.glob("*.safetensors")}
    assert names >= {"ema.safetensors", "encoder_ema.safetensors", "generator.safetensors"}
    for name in names:
        old, new = load_file(first / name), load_file(second / name)
        assert all(torch.equal(tensor, new[key]) for key, tensor in old.items()), name
