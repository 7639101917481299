"""The benchmarks of a training on a CPU: how they divide cores, count arithmetic and form their ratios."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from benchmark_busy import policies, rows_of
from benchmark_processes import shapes
from benchmark_share import Counter, convolutions
from torch.utils.flop_counter import FlopCounterMode

pytestmark = pytest.mark.slow


def test_every_division_of_the_cores_uses_all_of_them_and_divides_the_batch() -> None:
    assert shapes(2) == [(1, 2), (2, 1), (1, 1)]
    assert shapes(6) == [(1, 6), (2, 3), (1, 1)]
    assert shapes(1) == [(1, 1)]


def test_the_arithmetic_of_the_plain_convolutions_is_what_pytorch_counts() -> None:
    for convolve, operations in convolutions():
        with FlopCounterMode(display=False) as theirs, Counter() as ours, torch.no_grad():
            convolve()
        assert theirs.get_total_flops() == ours.total == operations


def test_a_gradient_of_a_gradient_is_counted_too() -> None:
    x, kernel = (torch.randn(shape, requires_grad=True) for shape in ((4, 5), (5, 3)))
    with Counter() as counter:
        (gradient,) = torch.autograd.grad((x @ kernel).square().sum(), x, create_graph=True)
        gradient.sum().backward()
    # Forward and one gradient; then two of the gradient's, one of which goes on through the forward product's two.
    assert counter.total == 6 * (2 * 4 * 5 * 3)


def test_a_policy_that_takes_twice_as_long_has_half_the_ratio_of_the_best_quiet_one() -> None:
    named = {"fast": {}, "slow": {"GOMP_SPINCOUNT": "5"}}
    seconds = {
        "fast": {"quiet": [1.0, 1.0, 1.0], "busy": [4.0, 4.0, 4.0]},
        "slow": {"quiet": [2.0, 2.0, 2.0], "busy": [2.0, 2.0, 2.0]},
    }
    fast, slow = rows_of(named, seconds, rounds=4)
    assert (fast["quiet"], fast["busy"]) == (1.0, 0.25)
    assert (slow["quiet"], slow["busy"]) == (0.5, 0.5)
    assert fast["quiet_images_per_second"] == pytest.approx(32)


def test_each_number_of_turns_asked_for_is_a_policy() -> None:
    assert policies([7])["spin 7"] == {"GOMP_SPINCOUNT": "7"}
