"""The parts of FastGAN as switches: where they are, what they are at first, and who has no place for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.tiny import tiny, tiny_config
from torch.nn import functional as F

from medattngan.core.files import UserError
from medattngan.data.store import SliceStore
from medattngan.games.rebuild import misdrawn, quarter, wanted
from medattngan.models import build
from medattngan.stages.train.train import train


@pytest.mark.parametrize(("size", "heights"), [(64, ["64"]), (128, ["64", "128"])])
def test_a_generator_with_excitation_starts_as_one_without(size: int, heights: list[str]) -> None:
    drawn, z = [], torch.randn(2, 8)
    for excitation in (False, True):
        torch.manual_seed(0)
        generator = build(tiny_config(data={"size": size}, model={"excitation": excitation})).networks["generator"]
        with torch.no_grad():
            drawn.append(generator(z))
    assert list(generator.get_submodule("excitations")._modules) == heights
    assert torch.equal(*drawn)


def test_coarse_maps_have_a_say_in_fine_ones() -> None:
    generator = build(tiny_config(data={"size": 64}, model={"excitation": True})).networks["generator"]
    generator(torch.randn(2, 8)).square().sum().backward()
    gradient = generator.get_submodule("excitations.64.second").weight.grad
    assert gradient is not None
    assert float(gradient.abs().sum()) > 0


def test_the_quarters_of_an_image_are_its_corners_and_its_whole_is_its_mean_of_four() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4)
    top, bottom = image.chunk(2, 2)
    corners = [part for half in (top, bottom) for part in half.chunk(2, 3)]
    for number, corner in enumerate(corners):
        assert torch.equal(quarter(image, torch.tensor([number])), corner)
    whole = wanted(image, torch.tensor([3]))[:, 1:]
    assert torch.equal(whole, F.avg_pool2d(image, 2))
    assert misdrawn(wanted(image, torch.tensor([1])), image, torch.tensor([1])).tolist() == [0.0]


@pytest.mark.parametrize("preset", ["compact", "large"])
def test_a_discriminator_that_draws_again_learns_to(preset: str) -> None:
    torch.manual_seed(0)
    critic = build(tiny_config(preset, loss={"rebuild": 1.0})).networks["discriminator"]
    images = F.interpolate(torch.rand(8, 1, 4, 4) * 2 - 1, scale_factor=8.0, mode="bilinear")
    corner, adam, losses = torch.arange(8) % 4, torch.optim.Adam(critic.parameters(), 5e-3), []
    for _ in range(30):
        loss = misdrawn(critic(images, {"corner": corner}), images, corner).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_a_training_logs_what_it_costs_and_resumes(tiny_store: SliceStore, tmp_path: Path) -> None:
    def config(kimg: float) -> object:
        few = {"kimg": kimg, "minutes": None, "batch_size": 4, "log_kimg": 0.004, "validate_minutes": None}
        return tiny_config(train=few, loss={"rebuild": 0.5})

    for kimg in (0.008, 0.016):
        run = train(config(kimg), tiny_store, tmp_path / "run", resume=True, progress=False)  # type: ignore[arg-type]
    whole = train(config(0.016), tiny_store, tmp_path / "whole", progress=False)  # type: ignore[arg-type]
    assert ",rebuild," in (run.path / "metrics.csv").read_text().splitlines()[0]
    one, other = (
        (each.checkpoint("last") / "discriminator.safetensors").read_bytes() for each in (run, whole)
    )  # fmt: skip
    assert one == other


@pytest.mark.parametrize(
    ("preset", "sections", "said"),
    [
        ("compact", {"model": {"excitation": True}}, "no maps for it with data.size=32"),
        ("dcgan", {"model": {"excitation": True}}, "model.excitation is set"),
        ("sagan", {"loss": {"rebuild": 1.0}}, "loss.rebuild is set"),
        (
            "stack",
            {"loss": {"rebuild": 1.0}, "data": {"size": 32, "conditions": ["position_mm"]}},
            "loss.rebuild is set",
        ),
    ],
)
def test_a_preset_without_a_place_for_them_says_so(
    preset: str, sections: dict[str, dict[str, object]], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        tiny(preset, **sections)
