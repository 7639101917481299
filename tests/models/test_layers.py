"""The pieces that presets share."""

from __future__ import annotations

import torch

from medattngan.models.layers import minibatch_deviation


def test_equal_images_deviate_by_nothing_and_unequal_ones_by_their_deviation() -> None:
    same = torch.rand(1, 2, 4, 4).expand(4, -1, -1, -1)
    assert minibatch_deviation(same)[:, -1].max() < 2e-4
    apart = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)
    torch.testing.assert_close(minibatch_deviation(apart)[:, -1], torch.ones(2, 4, 4))


def test_the_deviation_map_follows_the_images_it_was_taken_from() -> None:
    x = torch.randn(8, 2, 4, 4)
    x[4:] = x[4:5].clone()
    deviation = minibatch_deviation(x)[:, -1, 0, 0]
    assert (deviation[:4] > 0.5).all()
    assert (deviation[4:] < 2e-4).all()
    assert torch.equal(minibatch_deviation(x)[:, :-1], x)


def test_any_batch_size_has_a_deviation() -> None:
    for count in range(1, 8):
        assert minibatch_deviation(torch.randn(count, 2, 4, 4)).shape == (count, 3, 4, 4)


def test_the_deviation_map_keeps_the_layout_of_the_features() -> None:
    last = torch.randn(4, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    assert minibatch_deviation(last).is_contiguous(memory_format=torch.channels_last)
    assert minibatch_deviation(last.contiguous()).is_contiguous()
