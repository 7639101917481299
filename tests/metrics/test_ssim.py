"""SSIM against other implementations, and the two uses it is put to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.metrics.sets import Part, Sides
from medattngan.metrics.ssim import (
    likeness,
    mean_of_pairs,
    mean_of_pairs_replicates,
    nearest,
    pairs_of,
    ssim,
    ssim_nearest_real,
    ssim_nearest_real_replicates,
    ssim_pairs,
)
from medattngan.statistics.bootstrap import Plan, centred_interval, plan_bootstrap


def draw(count: int, seed: int, size: int = 24) -> Images:
    generator = torch.Generator().manual_seed(seed)
    smooth = torch.nn.functional.interpolate(
        torch.randn(count, 1, 6, 6, generator=generator), (size, size), mode="bicubic"
    )
    return (smooth + 0.1 * torch.randn(smooth.shape, generator=generator)).tanh()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.integers(11, 40))
def test_ssim_agrees_with_scikit_image(seed: int, size: int) -> None:
    x, y = draw(2, seed, size), draw(2, seed + 1, size)
    expected = [
        structural_similarity(
            1 + a.numpy(),
            1 + b.numpy(),
            data_range=2.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in zip(x[:, 0].double(), y[:, 0].double(), strict=True)
    ]
    np.testing.assert_allclose(ssim(x.double(), y.double()).numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(ssim(x, y).numpy(), expected, atol=1e-4)


def test_ssim_agrees_with_monai() -> None:
    from monai.metrics.regression import SSIMMetric

    x, y = draw(3, 1), draw(3, 2)
    theirs = SSIMMetric(spatial_dims=2, data_range=1.0)((x + 1) / 2, (y + 1) / 2).flatten()
    torch.testing.assert_close(ssim(x, y), theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("grey", [-0.6, 0.0, 0.6])
def test_how_alike_two_slices_are_does_not_turn_over_at_mid_grey(grey: float) -> None:
    x, y = 0.03 * draw(1, 1) + grey, 0.03 * draw(1, 1) + grey + 0.03
    assert ssim(x, y).item() > 0.97


def test_ssim_of_images_below_its_window_is_refused() -> None:
    with pytest.raises(UserError, match="11 px"):
        ssim(torch.zeros(1, 1, 10, 10), torch.zeros(1, 1, 10, 10))


def test_a_copied_slice_has_a_nearest_real_slice_of_similarity_one() -> None:
    real = draw(40, 3)
    found = nearest(real, real[[7, 31]])
    assert found.index[:, 0].tolist() == [7, 31]
    torch.testing.assert_close(found.similarity.amax(1), torch.ones(2))
    assert ssim_nearest_real(nearest(real, draw(10, 4))) < 0.9


def test_the_shortlist_finds_what_an_exhaustive_search_finds() -> None:
    real, fake = draw(60, 5), torch.cat([draw(60, 5)[:10] * 0.8 + 0.1 * draw(10, 6)])
    exhaustive = torch.stack([ssim(real, image.expand_as(real)).amax() for image in fake])
    torch.testing.assert_close(nearest(real, fake).similarity.amax(1), exhaustive)


def test_ssim_of_windows_read_once_is_ssim() -> None:
    """Means and variances are read once for each image, and each pair of images is compared once for all parts."""
    sides = Sides(draw(20, 12), draw(20, 13), draw(20, 14))
    few = Part(torch.tensor([1, 4, 7, 9]), torch.tensor([0, 3, 5, 8, 9]), torch.tensor([2, 3, 19]))
    parts = likeness(sides, [sides.whole, few])
    for (of_fake, of_other), part in zip(parts, [sides.whole, few], strict=True):
        for (found, pairs), side, rows in ((of_fake, sides.fake, part.fake), (of_other, sides.other, part.other)):
            real, fake = sides.reference[part.reference], side[rows]
            for column, similarity in zip(found.index.T, found.similarity.T, strict=True):
                torch.testing.assert_close(similarity, ssim(fake, real[column]))
            torch.testing.assert_close(pairs, ssim_pairs(real, fake))
            alone = nearest(real, fake)
            torch.testing.assert_close(found.similarity.amax(1), alone.similarity.amax(1))
            assert found.index.shape == (len(fake), min(8, len(real)))


def test_one_image_has_a_nearest_one_and_no_pair() -> None:
    sides = Sides(draw(9, 12), draw(1, 13), draw(1, 14))
    (((found, pairs), _),) = likeness(sides, [sides.whole])
    assert found.similarity.shape == (1, 8)
    with pytest.raises(UserError, match="at least 2 images; got 1"):
        pairs_of(found, pairs)


def test_collapsed_samples_are_more_alike_than_real_ones() -> None:
    real = draw(20, 7)
    collapsed = real[:1] + 0.05 * draw(20, 8)
    assert ssim_pairs(real, collapsed).mean() > ssim_pairs(real, real).mean() + 0.3


def test_replicates_that_draw_every_image_once_are_the_value() -> None:
    real, fake = draw(12, 9), draw(14, 10)
    once = Plan(torch.ones(3, 12, dtype=torch.int64), torch.ones(3, 14, dtype=torch.int64))
    found, pairs = nearest(real, fake), ssim_pairs(real, fake)
    for value, replicates in (
        (ssim_nearest_real(found), ssim_nearest_real_replicates(found, once)),
        (mean_of_pairs(pairs), mean_of_pairs_replicates(pairs, once)),
    ):
        torch.testing.assert_close(replicates, value.double().expand(3))


def test_a_replicate_without_the_nearest_patient_falls_back_to_the_next() -> None:
    real = draw(10, 11)
    fake = real[:2]
    without = torch.ones(1, 10, dtype=torch.int64)
    without[0, :2] = 0
    value = ssim_nearest_real_replicates(nearest(real, fake), Plan(without, torch.ones(1, 2, dtype=torch.int64)))
    rest = nearest(real, fake).similarity.sort(1, descending=True).values
    assert value.item() <= rest[:, 1].mean().item() + 1e-6
    assert value.item() < 1


def test_slices_of_one_patient_are_drawn_together() -> None:
    patients = ["a"] * 3 + ["b"] * 5 + ["c"] * 2
    plan = plan_bootstrap(patients, 7, seed=1, replicates=50)
    for name in "abc":
        columns = plan.real[:, [i for i, patient in enumerate(patients) if patient == name]]
        assert (columns == columns[:, :1]).all()
    assert (plan.real[:, [0, 3, 8]].sum(1) == 3).all()
    assert plan.real[:, 0].unique().tolist() == [0, 1, 2, 3]


def test_the_bootstrap_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    """Coverage of the 95 % interval of a mean over 300 repetitions, each of 60 samples."""
    rng, covered = np.random.default_rng(0), 0
    for seed in range(300):
        values = torch.from_numpy(rng.normal(size=60))
        times = plan_bootstrap(["a", "b"], 60, seed=seed).fake.double()
        low, high = centred_interval(values.mean().item(), times @ values / 60)
        covered += low <= 0 <= high
    assert 0.90 < covered / 300 < 0.98


@given(st.floats(-10, 10), st.lists(st.floats(-10, 10), min_size=2, max_size=30))
def test_the_interval_holds_its_value(value: float, replicates: list[float]) -> None:
    low, high = centred_interval(value, torch.tensor(replicates, dtype=torch.float64))
    assert low - 1e-9 <= value <= high + 1e-9
