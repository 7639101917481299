"""What the critic is shown: differentiable, repeatable, and never a false background."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from medattngan.augment import GEOMETRIC, LEAKS, augment, geometry, intensity
from medattngan.augment.adaptive import KIMG_TO_FULL, adjust
from medattngan.core.config import AugmentConfig

INTENSITY = ("brightness", "contrast", "cutout")
ALL = (*GEOMETRIC, *INTENSITY)


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slices(count: int = 6, size: int = 16) -> Tensor:
    """Smooth discs of several radii on a background of -1."""
    axis = torch.arange(size) - (size - 1) / 2
    distance = torch.hypot(axis[:, None], axis[None, :] + 1)
    radii = torch.linspace(2, 5, count).reshape(-1, 1, 1, 1)
    return torch.sigmoid(4 * (radii - distance)) * 2 - 1


def test_the_configuration_offers_exactly_what_there_is() -> None:
    names, _ = get_args(AugmentConfig.model_fields["policy"].annotation)  # a tuple of names, or None
    literal, _ = get_args(names)
    assert set(get_args(literal)) == set(ALL)


@pytest.mark.parametrize("policy", [ALL, *((name,) for name in ALL)])
def test_probability_zero_changes_nothing(policy: tuple[str, ...]) -> None:
    x = slices()
    assert torch.equal(augment(x, policy, 0.0, source()), x)


def test_an_empty_policy_changes_nothing() -> None:
    x = slices()
    assert torch.equal(augment(x, (), 1.0, source()), x)


@pytest.mark.parametrize("name", ALL)
def test_probability_one_changes_images(name: str) -> None:
    x = slices() if name != "cutout" else torch.ones(6, 1, 16, 16)  # nothing to be seen where background is cut
    changed = (augment(x, (name,), 1.0, source(1)) - x).abs().amax((1, 2, 3)) > 1e-3
    assert changed.any()
    # A flip is drawn from both orientations, and a shift by whole pixels may be one by none.
    assert changed.all() or name in ("flip", "translate")


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.floats(0.05, 1))
def test_the_same_seed_gives_the_same_transforms(seed: int, probability: float) -> None:
    x = slices()
    first = augment(x, ALL, probability, source(seed))
    assert torch.equal(augment(x, ALL, probability, source(seed)), first)


def test_another_seed_gives_other_transforms() -> None:
    assert not torch.equal(augment(slices(), ALL, 1.0, source(1)), augment(slices(), ALL, 1.0, source(2)))


def test_each_image_is_transformed_with_the_probability_asked_for() -> None:
    for name in set(ALL) - {"flip"}:
        x = (slices(1) if name != "cutout" else torch.ones(1, 1, 16, 16)).expand(2000, -1, -1, -1)
        changed = (augment(x, (name,), 0.3, source()) - x).abs().amax((1, 2, 3)) > 1e-4
        assert 0.25 < changed.float().mean() < 0.35, name


@pytest.mark.parametrize("name", ALL)
def test_gradients_flow_back_to_the_image(name: str) -> None:
    x = slices(size=8).double().requires_grad_()
    (gradient,) = torch.autograd.grad(augment(x, (name,), 1.0, source()).square().sum(), x)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().amax((1, 2, 3)) > 0).any()


def test_augmentation_has_the_derivative_that_autograd_says() -> None:
    x = slices(1, size=5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: augment(y, ALL, 1.0, source(3)), (x,))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_what_geometry_brings_in_from_outside_is_background(seed: int) -> None:
    empty = torch.full((8, 1, 16, 16), -1.0)
    torch.testing.assert_close(augment(empty, GEOMETRIC, 1.0, source(seed)), empty)
    assert augment(slices(), GEOMETRIC, 1.0, source(seed)).min() >= -1 - 1e-5


def test_what_is_cut_out_is_background() -> None:
    cut = augment(torch.ones(8, 1, 16, 16), ("cutout",), 1.0, source())
    assert set(cut.unique().tolist()) == {-1.0, 1.0}
    assert all(0 < (image == -1).float().mean() <= 0.25 for image in cut)


def centre(x: Tensor) -> Tensor:
    """Row and column of the centre of brightness, (B, 2), in pixels."""
    weight = (x + 1)[:, 0]
    axis = torch.arange(x.shape[-1], dtype=x.dtype)
    total = weight.sum((1, 2))
    return torch.stack([(weight.sum(2) * axis).sum(1), (weight.sum(1) * axis).sum(1)], 1) / total[:, None]


def blob(size: int = 32) -> Tensor:
    axis = (torch.arange(size) - (size - 1) / 2).double()
    return (torch.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / 8) * 2 - 1)[None, None]


def test_translation_moves_a_blob_by_what_the_matrix_says(monkeypatch: pytest.MonkeyPatch) -> None:
    x = blob().expand(2, -1, -1, -1)
    pixels = torch.tensor([[3.0, -2.0], [0.0, 4.0]])  # column, row
    eye = torch.eye(2).expand(2, -1, -1)
    # The map goes from output to input: content moves against it, and 2 is the whole side.
    theta = torch.cat([eye, (-pixels * 2 / 32).unsqueeze(2)], 2)
    monkeypatch.setattr(geometry, "_matrices", lambda *_: theta)
    moved = centre(geometry.transform(x, ["translate"], 1.0, source())) - centre(x)
    torch.testing.assert_close(moved, pixels.flip(1).double(), atol=1e-3, rtol=0)


def test_translation_reaches_an_eighth_of_the_image_and_no_further() -> None:
    x = blob().expand(400, -1, -1, -1)
    moved = (centre(augment(x, ("translate",), 1.0, source())) - centre(x)).abs()
    assert moved.max() <= 32 * geometry.TRANSLATE + 1e-3
    assert moved.max() > 0.95 * 32 * geometry.TRANSLATE


@given(st.integers(0, 2**31), st.sampled_from([16, 32, 64]))
def test_translation_alone_blurs_nothing(seed: int, size: int) -> None:
    noise = torch.rand(2, 1, size, size, generator=source(seed)) * 2 - 1
    reach = int(size * geometry.TRANSLATE)
    for moved, x in zip(augment(noise, ("translate",), 1.0, source(seed)), noise, strict=True):
        wide = torch.nn.functional.pad(x, (reach,) * 4, value=-1.0)[0]
        windows = wide.unfold(0, size, 1).unfold(1, size, 1).flatten(0, 1)  # every shift by whole pixels
        assert (windows - moved).abs().amax((1, 2)).min() < 1e-4


def test_the_same_flips_twice_are_none() -> None:
    x = slices()
    once = augment(x, ("flip",), 1.0, source(4))
    flipped = (once - x).abs().amax((1, 2, 3)) > 1e-3
    assert flipped.any()
    torch.testing.assert_close(once[flipped], x[flipped].flip(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(augment(once, ("flip",), 1.0, source(4)), x, atol=1e-5, rtol=0)


def test_rotation_and_zoom_keep_the_centre_in_place() -> None:
    x = blob().expand(50, -1, -1, -1)
    moved = centre(augment(x, ("rotate", "scale"), 1.0, source())) - centre(x)
    assert moved.abs().max() < 0.05


def test_zoom_keeps_intensity_and_changes_area() -> None:
    x = blob().expand(200, -1, -1, -1)
    zoomed = augment(x, ("scale",), 1.0, source())
    area = ((zoomed + 1).sum((1, 2, 3)) / (x + 1).sum((1, 2, 3))).log2() / 2
    assert area.std().item() == pytest.approx(geometry.SCALE_LOG2, rel=0.2)
    assert x.max() - 0.2 < zoomed.amax((1, 2, 3)).min() <= zoomed.max() <= x.max() + 1e-6


def test_brightness_shifts_and_contrast_keeps_the_mean() -> None:
    x = slices(200)
    shift = augment(x, ("brightness",), 1.0, source()) - x
    torch.testing.assert_close(shift, shift[:, :, :1, :1].expand_as(shift), atol=1e-5, rtol=0)
    assert shift[:, 0, 0, 0].std().item() == pytest.approx(intensity.BRIGHTNESS, rel=0.2)
    gained = augment(x, ("contrast",), 1.0, source())
    torch.testing.assert_close(gained.mean((1, 2, 3)), x.mean((1, 2, 3)), atol=1e-5, rtol=0)
    gain = gained.std((1, 2, 3)) / x.std((1, 2, 3))
    assert gain.log2().std().item() == pytest.approx(intensity.CONTRAST_LOG2, rel=0.2)


def test_what_would_leak_is_named_by_modality_and_off_by_default() -> None:
    default = AugmentConfig().policy
    for modality, names in LEAKS.items():
        assert set(names) <= set(ALL)
        assert "flip" in names
        assert not set(names) & set(default or ()), modality
    assert {"brightness", "contrast"} <= set(LEAKS["CT"])


def test_control_rises_while_the_critic_overfits_and_falls_while_it_does_not() -> None:
    assert adjust(0.5, 0.9, 0.6, 64) - 0.5 == pytest.approx(64 / (KIMG_TO_FULL * 1000))
    assert adjust(0.5, 0.1, 0.6, 64) - 0.5 == pytest.approx(-64 / (KIMG_TO_FULL * 1000))
    assert adjust(0.5, 0.6, 0.6, 64) == 0.5


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 1), st.floats(-1, 1), st.floats(-1, 1), st.integers(1, 10**6))
def test_control_stays_a_probability(probability: float, sign: float, target: float, batch: int) -> None:
    following = adjust(probability, sign, target, batch)
    assert 0 <= following <= 1
    assert (following - probability) * (sign - target) >= 0


def test_control_takes_the_stated_number_of_images_from_end_to_end() -> None:
    probability, shown = 0.0, 0
    while probability < 1:
        probability, shown = adjust(probability, 1.0, 0.6, 1000), shown + 1000
    assert shown == pytest.approx(KIMG_TO_FULL * 1000, abs=1000)
