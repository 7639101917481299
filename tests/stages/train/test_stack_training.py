"""From a store of volumes to a run of stacks and to volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tape import Guard
from helpers.tiny_volumes import stack_config, write_volume_store

import medattngan as mg
from medattngan.conditions.table import measured
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.data.stack_batches import batches_of
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.sample.sample import latents, load_generator, sample
from medattngan.stages.train.graphs import Unrecorded
from medattngan.stages.train.initialise import begin_from
from medattngan.stages.train.players import Players
from medattngan.stages.train.train import train

RIVALS = ("none", "convolution", "channels")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    return write_volume_store(tmp_path_factory.mktemp("volumes"))


@pytest.fixture(scope="module")
def run(store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(stack_config(train={"kimg": 0.016}), store, tmp_path_factory.mktemp("trained") / "run", progress=False)


def test_a_run_of_stacks_says_what_it_draws(run: Run) -> None:
    assert (run.config.stack.depth, run.config.stack.across) == (8, "attention")
    assert run.store["stack"] | {"centre_mm": 0} == {
        "depth": 8, "step_mm": 2.0, "slices": 16, "centre_mm": 0, "series": 5, "set_aside": {},
    }  # fmt: skip
    header = (run.path / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"loss_generator", "loss_discriminator", "loss_neighbours", "loss_volume", "r1"} <= set(header)


@pytest.mark.slow
def test_a_killed_training_of_stacks_resumes_to_the_same_weights(store: SliceStore, tmp_path: Path) -> None:
    run = train(stack_config(), store, tmp_path / "whole", progress=False)
    train(stack_config(train={"kimg": 0.016}), store, tmp_path / "run", progress=False)
    resumed = train(stack_config(), store, tmp_path / "run", resume=True, progress=False)
    for name in ("ema", "generator", "neighbours", "volume"):
        one, other = (each.checkpoint("last") / f"{name}.safetensors" for each in (run, resumed))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("across", ["attention", "channels"])
def test_every_weight_moves_and_a_round_is_pure(store: SliceStore, across: str) -> None:
    config, part = stack_config(across), store.split("train")
    torch.manual_seed(0)
    told = measured(part.index, False, ("position_mm",))
    system = build(config, told)
    game = Players(config, system, batches_of(part, 32, 16, 0, told, 8, None), recorder=Unrecorded())
    before = {name: one.clone() for name, one in game.state.networks["generator"].state_dict().items()}
    for step in range(3):
        game.state.progress.step = step
        inputs = game._inputs()
        with Guard() as guard:
            game.whole_round(inputs)
        assert not guard.broken
    after = game.state.networks["generator"].state_dict()
    still = {name for name, one in after.items() if torch.equal(one, before[name])}
    assert {name for name in still if "across" in name or "images" in name} == set()


def test_a_run_of_stacks_begins_from_one_of_single_slices(store: SliceStore, tmp_path: Path) -> None:
    plain = train(stack_config(preset="compact", train={"kimg": 0.016}), store, tmp_path / "plain", progress=False)
    part = store.split("train")
    system = build(stack_config(), measured(part.index, False, ("position_mm",)))
    begin_from(plain, system)
    ours, theirs = system.networks["generator"].eval(), load_generator(plain, plain.checkpoint("last"))
    ours.requires_grad_(False)  # as theirs: convolutions take another way where a gradient is wanted
    z, place = torch.randn(2, system.z_dim), torch.linspace(-1, 1, 8).expand(2, -1)
    with torch.no_grad():
        stack = ours(z, {"position_mm": place})
        swept = theirs(z.repeat_interleave(8, 0), {"position_mm": place.reshape(-1)})
    assert torch.equal(stack, swept)
    across = dict(ours.across.named_parameters())
    assert all(one.any() for name, one in across.items() if name.endswith("weight"))
    assert not any(one.any() for name, one in across.items() if name.endswith("gamma"))


def test_sampling_a_run_of_stacks_writes_volumes_slice_by_slice_in_order(run: Run, tmp_path: Path) -> None:
    made = sample(run, tmp_path / "two", count=2, seed=4, progress=False)
    table = made.table
    assert made.codes.shape == (32, 32, 32)
    assert table["volume"].tolist() == [0] * 16 + [1] * 16
    assert table["slice"].tolist() == list(range(16)) * 2
    assert np.allclose(np.diff(table["position_mm"].to_numpy().reshape(2, 16)), 2.0)
    assert made.intensity["slice_step_mm"] == 2.0
    assert made.provenance["volumes"]["slices"] == 16
    three = sample(run, tmp_path / "three", count=3, seed=4, progress=False)
    assert np.array_equal(three.codes[:32], made.codes)
    drawn = mg.generate(run, 2, seed=4)
    assert np.array_equal(drawn.codes, made.codes)
    assert drawn.table.equals(Samples.open(tmp_path / "two").table)


@pytest.mark.slow
def test_deeper_and_more_typical_volumes_can_be_drawn(run: Run) -> None:
    deep = mg.generate(run, 1, slices=17)  # training series have 16
    assert deep.codes.shape == (17, 32, 32)
    assert not np.array_equal(mg.generate(run, 1, slices=17, truncation=0.5).codes, deep.codes)
    with pytest.raises(UserError, match="ask for 16 slices, or for a smaller step"):
        mg.generate(run, 1, slices=24)  # would say positions that the networks cannot be told


def test_a_volume_s_slices_share_what_is_asked_for_and_their_places_are_its_own(run: Run) -> None:
    for options, said in (
        ({"position_mm": 3.0}, "the slices of a volume lie one step apart"),
        ({"step_mm": 5.0}, "the stacks of .* have 2 mm; leave it out"),
        ({"slices": 1}, "give 2 to 512 slices"),
    ):
        with pytest.raises(UserError, match=said):
            mg.generate(run, 1, **options)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("across", RIVALS)
def test_every_rival_trains_and_draws_volumes(store: SliceStore, across: str, tmp_path: Path) -> None:
    made = train(stack_config(across), store, tmp_path / "run", progress=False)
    assert mg.generate(made, 2).codes.shape == (32, 32, 32)


@pytest.mark.slow
def test_one_latent_swept_over_positions_makes_a_volume_of_any_run_that_knows_them(
    store: SliceStore, tmp_path: Path
) -> None:
    plain = train(stack_config(preset="compact", train={"kimg": 0.016}), store, tmp_path / "run", progress=False)
    volumes = mg.generate(plain, 2, slices=4, step_mm=3.0)
    places = volumes.table["position_mm"].to_numpy()
    assert np.allclose(np.diff(places.reshape(2, 4)), 3.0)
    generator = load_generator(plain, plain.checkpoint("last"))
    told = measured(store.split("train").index, False, ("position_mm",))[0].encode(places[4:])
    z = latents(0, 1, 1, int(generator.z_dim)).expand(4, -1)  # type: ignore[arg-type]
    with torch.no_grad():
        expected = generator(z, {"position_mm": told})[:, 0].numpy()
    assert np.allclose(volumes.unit()[4:, 0].numpy(), expected, atol=4 / 65535)
    with pytest.raises(UserError, match=r"say how far apart they lie: --step-mm 4"):
        mg.generate(plain, 1, slices=4)
