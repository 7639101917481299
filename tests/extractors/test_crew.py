"""Features made by several processes are those of one, byte for byte, and a process that dies is one sentence."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from multiprocessing import active_children
from typing import Any

import pytest
import torch

from medattngan.core.files import UserError
from medattngan.extractors.crew import BLOCK, Crew, crew
from medattngan.extractors.table import BATCH, Extractor, extract, load_extractor

COUNT = 2 * BLOCK + 5


class Here(Executor):
    """Runs in this process, and remembers how many blocks were under way at most."""

    def __init__(self) -> None:
        self.under_way = self.most = 0

    def submit(self, function: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        done: Future[Any] = Future()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        done.set_result(function(*arguments))
        result = done.result

        def taken(timeout: float | None = None) -> Any:
            self.under_way -= 1
            return result(timeout)

        done.result = taken  # type: ignore[method-assign]
        return done


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(COUNT, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(scope="module")
def radiomics() -> Extractor:
    return load_extractor("radiomics-2d")


def test_a_block_is_whole_batches() -> None:
    assert BLOCK % BATCH == 0


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_no_more_blocks_are_under_way_than_allowed_and_features_keep_their_order(
    images: torch.Tensor, radiomics: Extractor, at_once: int
) -> None:
    pool, advanced = Here(), []
    made = Crew(pool, at_once).extract(radiomics, images, advanced.append)
    assert torch.equal(made, extract(radiomics, images))
    assert pool.most == min(at_once, 3)
    assert advanced == [BLOCK, BLOCK, 5]


def test_without_workers_this_process_does_the_work() -> None:
    with crew(None) as nobody:
        assert nobody is None


@pytest.mark.parametrize(("workers", "cluster"), [(0, None), (-1, None), (2, "tcp://127.0.0.1:1")])
def test_a_number_that_is_none_and_two_kinds_at_once_are_refused(workers: int, cluster: str | None) -> None:
    with pytest.raises(UserError, match="--workers"), crew(workers, cluster):
        pass


def test_weights_that_are_others_in_a_worker_are_refused(images: torch.Tensor, radiomics: Extractor) -> None:
    other = Extractor(radiomics.name, radiomics.dim, radiomics.network, "0" * 64, radiomics.source)
    with pytest.raises(UserError, match="radiomics-2d has other weights on a worker"):
        Crew(Here(), 1).extract(other, images)


@pytest.fixture
def no_worker_stays() -> Iterator[None]:
    yield
    assert active_children() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["radiomics-2d", "efficientnet-lite0@128"])
@pytest.mark.usefixtures("no_worker_stays")
def test_any_number_of_processes_makes_the_same_bytes(images: torch.Tensor, name: str) -> None:
    extractor = load_extractor(name)
    made = []
    for workers in (1, 3):
        with crew(workers) as by:
            assert by is not None
            made.append(by.extract(extractor, images))
    assert all(torch.equal(made[0], one) for one in made)
    assert torch.equal(made[0], extract(extractor, images))  # tests run with one thread, as workers do


@pytest.mark.slow
@pytest.mark.usefixtures("no_worker_stays")
def test_a_worker_that_dies_is_one_sentence(images: torch.Tensor, radiomics: Extractor) -> None:
    def kill(done: int) -> None:
        for child in active_children():
            os.kill(child.pid or 0, signal.SIGKILL)

    with crew_that_dies(), crew(1) as by:
        assert by is not None
        by.extract(radiomics, images.repeat(40, 1, 1, 1), kill)


def crew_that_dies() -> pytest.RaisesExc[UserError]:
    return pytest.raises(UserError, match=r"a worker process died.*fewer --workers")
