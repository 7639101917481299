"""train.compile: the same training, by other code."""

from __future__ import annotations

import os
import shutil

import pytest
import torch

from medattngan.core.config import Config
from medattngan.data.batches import Batches
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train.players import Players

COMPILER = shutil.which(os.environ.get("CXX", "g++"))


def losses(store: SliceStore, rounds: int, compiled: bool) -> list[dict[str, float]]:
    """What every round of the default's game gives, with toy networks at 32 px on the CPU."""
    train = {"accelerator": "cpu", "batch_size": 4, "compile": compiled}
    model = {"generator_width": 4, "discriminator_width": 4}
    config = Config.from_tree({"data": {"size": 32}, "model": model, "train": train}, "toy")
    torch.manual_seed(0)
    gan = build(config)
    game = Players(config, gan, Batches(store.split("train"), 32, 4, 0))
    found = [{name: float(value) for name, value in game.play(0.0).items()} for _ in range(rounds)]
    for one in found:
        # The relativistic game sees differences alone. What shifts all logits alike has a gradient of zero but for
        # rounding, and Adam makes a full step of any rounding.
        one["lead"] = one.pop("logits_real") - one.pop("logits_fake")
    return found


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="torch.compile needs a C++ compiler on the CPU, and there is none")
# Both of PyTorch's own doing: Inductor's import defines functions of TorchScript's, which it calls deprecated, and
# Dynamo looks at the gradient of every input, here of the synthetic images, which are no leaves.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_compiled_training_gives_the_losses_of_an_eager_one_with_and_without_penalties(
    tiny_store: SliceStore,
) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()  # other tests compile too
    rounds = 6  # penalties at the first and the fifth
    eager, compiled = losses(tiny_store, rounds, compiled=False), losses(tiny_store, rounds, compiled=True)
    assert ["r1" in one for one in eager] == [True, False, False, False, True, False]
    for one, other in zip(eager, compiled, strict=True):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5)
    # Both networks whole: the generator as one graph, the critic as one for its own move, and in the generator's as one
    # for synthetic slices, through which gradients pass, and one for real ones.
    counters = torch._dynamo.utils.counters
    assert counters["stats"]["unique_graphs"] == 4
    assert not counters["graph_break"]
