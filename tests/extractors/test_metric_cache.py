"""The feature cache: quick, safe, and never wrong."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medattngan.core.types import Images
from medattngan.extractors.cache import cache_folder, cached_features, content_digest
from medattngan.extractors.table import Extractor


class Counting(nn.Module):
    """Two features an image, and a count of the images seen."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1), requires_grad=False)
        self.seen = 0

    def forward(self, images: Images) -> Tensor:
        self.seen += len(images)
        return torch.stack([images.mean((1, 2, 3)), images.amax((1, 2, 3))], 1) * self.weight


@pytest.fixture
def extractor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extractor:
    monkeypatch.setenv("MEDATTNGAN_CACHE", str(tmp_path / "cache"))
    return Extractor("counting", 2, Counting(), "0" * 64)


def seen(extractor: Extractor) -> int:
    assert isinstance(extractor.network, Counting)
    return extractor.network.seen


def test_the_same_images_are_extracted_once(extractor: Extractor) -> None:
    images = torch.rand(5, 1, 4, 4)
    first, second = cached_features(extractor, images), cached_features(extractor, images.clone())
    assert torch.equal(first, second)
    assert seen(extractor) == 5


def test_the_digest_is_that_of_shape_and_values_in_one_string_of_bytes() -> None:
    """As it always was: what caches and records of samples hold stays found."""
    images = torch.rand(3, 1, 4, 5).transpose(2, 3)
    expected = hashlib.sha256(b"(3, 1, 5, 4)" + images.contiguous().numpy().astype("<f4").tobytes()).hexdigest()
    assert content_digest(images) == expected


def test_a_digest_that_is_known_finds_the_same_features(extractor: Extractor) -> None:
    images = torch.rand(5, 1, 4, 4)
    first = cached_features(extractor, images)
    assert torch.equal(cached_features(extractor, images, content_digest(images)), first)
    assert seen(extractor) == 5


def test_other_images_or_another_extractor_are_extracted_anew(extractor: Extractor) -> None:
    images = torch.rand(5, 1, 4, 4)
    cached_features(extractor, images)
    cached_features(extractor, images.flip(0))
    cached_features(replace(extractor, digest="1" * 64), images)
    cached_features(replace(extractor, name="counting@2"), images)
    assert seen(extractor) == 20


def test_a_damaged_entry_is_made_anew(extractor: Extractor) -> None:
    images = torch.rand(5, 1, 4, 4)
    expected = cached_features(extractor, images)
    (entry,) = (cache_folder() / "features").iterdir()
    for damage in (b"", b"not numpy"):
        entry.write_bytes(damage)
        assert torch.equal(cached_features(extractor, images), expected)
    np.save(entry, np.zeros((5, 3), np.float32))
    assert torch.equal(cached_features(extractor, images), expected)


def test_what_was_half_made_days_ago_is_swept_and_what_is_being_made_is_not(extractor: Extractor) -> None:
    folder = cache_folder() / "features"
    folder.mkdir(parents=True)
    for name, age in ((".old.npy.1.part", 3 * 86_400), (".new.npy.2.part", 60)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    cached_features(extractor, torch.rand(5, 1, 4, 4))
    assert [path.name for path in folder.glob(".*")] == [".new.npy.2.part"]


def test_a_cache_that_cannot_be_written_costs_time_only(extractor: Extractor, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert cached_features(extractor, torch.rand(2, 1, 4, 4)).shape == (2, 2)


def test_the_cache_lies_in_the_users_cache_folder_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEDATTNGAN_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "medattngan"
