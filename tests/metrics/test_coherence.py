"""Mirror coherence: whether two halves of a slice belong together."""

from __future__ import annotations

import pytest
import torch

from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.metrics.coherence import chimeras, coherence, judged_of, mean_coherence_replicates, mirrored
from medattngan.metrics.sets import Sides
from medattngan.statistics.bootstrap import plan_bootstrap


def heads(count: int, seed: int, asymmetry: float = 0.0) -> Images:
    """Discs on black whose grey texture is mirrored, but for a share `asymmetry`."""
    texture = torch.randn(count, 1, 64, 64, generator=torch.Generator().manual_seed(seed))
    texture = torch.nn.functional.avg_pool2d(texture, 3, 1, 1)
    symmetric = (texture + texture.flip(3)) / 2**0.5
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    disc = ((x - 31.5) ** 2 + (y - 31.5) ** 2).sqrt() < 28
    filled = 0.3 + 0.6 * ((1 - asymmetry) * symmetric + asymmetry * texture)
    return torch.where(disc, filled, -1.0).clamp(-1, 1)


def test_a_slice_that_is_its_own_mirror_image_has_coherence_one() -> None:
    assert torch.allclose(coherence(heads(4, 0)), torch.ones(4), atol=1e-4)


def test_unrelated_halves_have_none() -> None:
    left, right = heads(64, 1), heads(64, 2)
    joined = torch.cat([left[..., :32], right[..., 32:]], -1)
    # The best of 17 axes lies a little above 0 by chance.
    assert coherence(joined).mean() < 0.2


def test_it_neither_sees_brightness_nor_contrast_nor_a_shift_of_the_axis() -> None:
    image = heads(4, 3, asymmetry=0.5)
    found = coherence(image)
    assert torch.allclose(coherence((image + 1) * 0.7 - 1), found, atol=1e-4)
    assert torch.allclose(coherence(image.roll(2, 3)), found, atol=0.02)


def test_a_slice_with_nothing_on_it_has_none_and_is_a_number() -> None:
    assert coherence(torch.full((2, 1, 32, 32), -1.0)).tolist() == [0.0, 0.0]


def test_a_chimera_keeps_its_left_half_and_takes_the_other_of_what_looks_most_like_it() -> None:
    one, others = heads(3, 4), heads(5, 5)
    others[2] = one[1]
    made = chimeras(one, others)
    assert torch.equal(made[1], one[1])
    assert torch.equal(made[..., :32], one[..., :32])


def test_each_part_of_the_sets_has_the_coherence_of_its_own_slices() -> None:
    sides = Sides(heads(12, 6), heads(12, 7, asymmetry=1.0), heads(12, 8))
    ((fake,), (other,)) = next(iter(mirrored(sides, [sides.whole])))
    assert torch.equal(judged_of(fake), coherence(sides.fake))
    assert torch.equal(judged_of(other), coherence(sides.other))
    replicates = mean_coherence_replicates(judged_of(fake), plan_bootstrap(["a", "b"] * 6, 12, seed=0))
    assert abs(replicates.mean() - judged_of(fake).mean()) < 0.1


def test_it_is_left_out_where_real_slices_are_not_bilateral() -> None:
    sides = Sides(heads(12, 9, 1.0), heads(12, 10), heads(12, 11, 1.0))
    sides.reference[..., 32:] = heads(12, 12, 1.0)[..., 32:]
    ((fake,), _) = next(iter(mirrored(sides, [sides.whole])))
    with pytest.raises(UserError, match="bilateral"):
        judged_of(fake)
