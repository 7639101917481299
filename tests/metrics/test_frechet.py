"""The Fréchet distance against closed forms and other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.metrics import frechet_bootstrap
from medattngan.metrics.frechet import Moments, frechet_distance, frechet_distance_of_moments
from medattngan.metrics.frechet_bootstrap import frechet_replicates
from medattngan.statistics.bootstrap import Plan, plan_bootstrap


def draw(count: int, dim: int, seed: int, *, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    return torch.randn(count, dim, generator=generator, dtype=torch.float64) @ mix + shift


def with_moments(count: int, mean: Tensor, root: Tensor) -> Tensor:
    """Features whose sample mean is `mean` and sample covariance is rootᵀ root, to rounding."""
    white = draw(count, len(mean), 0)
    white = white - white.mean(0)
    q, _ = torch.linalg.qr(white)
    return q @ root * (count - 1) ** 0.5 + mean


def scipy_distance(real: Tensor, fake: Tensor) -> float:
    a, b = real.numpy(), fake.numpy()
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    shift = a.mean(0) - b.mean(0)
    return float(shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root).real)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(0.1, 5), min_size=3, max_size=3), st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_distance_of_axis_aligned_gaussians_is_that_of_their_means_and_deviations(
    deviations: list[float], means: list[float]
) -> None:
    real = with_moments(20, torch.zeros(3).double(), torch.eye(3).double())
    fake = with_moments(
        30,
        torch.tensor(means, dtype=torch.float64),
        torch.diag(torch.tensor(deviations, dtype=torch.float64)),
    )
    expected = sum(m**2 for m in means) + sum((d - 1) ** 2 for d in deviations)
    assert frechet_distance(real, fake).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("n_real", "n_fake", "dim"), [(200, 200, 16), (150, 300, 48), (64, 300, 32)])
def test_distance_agrees_with_scipys_matrix_square_root(n_real: int, n_fake: int, dim: int) -> None:
    real, fake = draw(n_real, dim, 1), draw(n_fake, dim, 2, shift=0.3)
    assert frechet_distance(real, fake).item() == pytest.approx(scipy_distance(real, fake), rel=1e-6)


@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated:DeprecationWarning")
def test_distance_agrees_with_monai() -> None:
    from monai.metrics.fid import FIDMetric

    real, fake = draw(120, 24, 3), draw(120, 24, 4, shift=0.1)
    assert frechet_distance(real, fake).item() == pytest.approx(FIDMetric()(fake, real).item(), rel=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(1, 30), st.integers(0, 1000))
def test_distance_is_symmetric_and_never_negative_or_nan_at_any_count(a: int, b: int, dim: int, seed: int) -> None:
    real, fake = draw(a, dim, seed), draw(b, dim, seed + 1)
    there, back = frechet_distance(real, fake), frechet_distance(fake, real)
    assert there >= 0
    assert there.item() == pytest.approx(back.item(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("count", "dim"), [(10, 64), (100, 8)])
def test_a_set_is_at_no_distance_from_itself_even_where_its_covariance_is_singular(count: int, dim: int) -> None:
    features = draw(count, dim, 5)
    features[:, 0] = 1.0
    scale = features.var(0).sum().item()
    assert frechet_distance(features, features.flip(0)).item() < 1e-12 * scale


def test_streamed_moments_give_the_same_distance_whatever_the_batches() -> None:
    real, fake = draw(90, 12, 6), draw(70, 12, 7, shift=1.0)
    streams = []
    for features, sizes in ((real, (1, 50, 0, 39)), (fake, (7, 63))):
        stream = Moments(12)
        for batch in features.split(list(sizes)):
            stream.update(batch)
        streams.append(stream)
    torch.testing.assert_close(streams[0].covariance, real.T.cov())
    assert frechet_distance_of_moments(*streams).item() == pytest.approx(frechet_distance(real, fake).item(), rel=1e-9)


def test_streamed_moments_of_fewer_images_than_dimensions_agree_too() -> None:
    real, fake = draw(20, 40, 8), draw(25, 40, 9)
    streams = [Moments(40), Moments(40)]
    streams[0].update(real)
    streams[1].update(fake)
    assert frechet_distance_of_moments(*streams).item() == pytest.approx(frechet_distance(real, fake).item(), rel=1e-6)


@pytest.mark.parametrize("dim", [5, 60])
def test_a_replicate_is_the_distance_of_the_repeated_rows(dim: int) -> None:
    real, fake = draw(30, dim, 10), draw(20, dim, 11)
    generator = torch.Generator().manual_seed(0)
    plan = Plan(torch.randint(0, 3, (4, 30), generator=generator), torch.randint(0, 3, (4, 20), generator=generator))
    got = frechet_replicates((real, fake), plan)
    for value, r, f in zip(got, plan.real, plan.fake, strict=True):
        expected = frechet_distance(real.repeat_interleave(r, 0), fake.repeat_interleave(f, 0))
        assert value.item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("dim", [6, 60])
def test_a_replicate_of_slices_drawn_by_patient_is_the_distance_of_the_repeated_rows(dim: int) -> None:
    """Where rows are drawn together, their scatters are summed before they are weighed."""
    real, fake = draw(40, dim, 12, shift=3.0), draw(30, dim, 13)
    plan = plan_bootstrap([f"patient-{i % 4}" for i in range(40)], 30, seed=0, replicates=37)
    for value, r, f in zip(frechet_replicates((real, fake), plan), plan.real, plan.fake, strict=True):
        expected = frechet_distance(real.repeat_interleave(r, 0), fake.repeat_interleave(f, 0))
        assert value.item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("count", [20, 200])
def test_leading_directions_are_the_principal_ones_of_few_rows_as_of_many(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frechet_bootstrap, "LEADING", 12)
    rows = draw(count, 50, 14)
    found = frechet_bootstrap._leading(rows)
    expected = torch.linalg.svd(rows).Vh[:12].T
    torch.testing.assert_close(found @ found.T, expected @ expected.T)


def test_rows_that_span_less_than_the_leading_directions_keep_all_that_they_span() -> None:
    rows = draw(5, 300, 15)[[0, 1, 2, 3, 4, 0]]
    found = frechet_bootstrap._leading(rows)
    assert found.shape == (300, 5)
    torch.testing.assert_close(rows @ found @ found.T, rows)


def test_the_leading_directions_give_the_spread_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features whose variances fall off, as a network's do: directions left out move the replicates alike."""
    falling = torch.logspace(0, -2, 60, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    real, fake = (torch.randn(80, 60, generator=generator, dtype=torch.float64) * falling for _ in range(2))
    plan = plan_bootstrap([f"patient-{i % 10}" for i in range(80)], 80, seed=0, replicates=100)
    whole = frechet_replicates((real, fake), plan)
    monkeypatch.setattr(frechet_bootstrap, "LEADING", 30)
    leading = frechet_replicates((real, fake), plan)
    assert leading.mean() < whole.mean()
    assert leading.std().item() == pytest.approx(whole.std().item(), rel=0.05)


def test_too_few_images_is_a_sentence_with_the_number_needed() -> None:
    with pytest.raises(UserError, match="needs 2 images"):
        frechet_distance(torch.zeros(1, 4), torch.zeros(9, 4))
    with pytest.raises(UserError, match="needs 2 images"):
        frechet_distance_of_moments(Moments(2), Moments(2))


def test_features_that_are_not_finite_are_refused() -> None:
    broken = torch.zeros(4, 2)
    broken[1, 1] = float("nan")
    with pytest.raises(UserError, match="NaN"):
        frechet_distance(broken, torch.zeros(4, 2))


def test_features_of_unlike_extractors_are_refused() -> None:
    with pytest.raises(UserError, match="same extractor"):
        frechet_distance(torch.zeros(4, 2), torch.zeros(4, 3))
