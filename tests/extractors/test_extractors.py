"""Extractors: the right features, and clear refusals."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from medattngan.core.files import UserError
from medattngan.extractors import efficientnet, inception
from medattngan.extractors.table import EXTRACTORS, Extractor, extract, load_extractor

OFFLINE = [name for name in EXTRACTORS if name != "inception"]


@pytest.fixture(scope="module", params=OFFLINE)
def extractor(request: pytest.FixtureRequest) -> Extractor:
    return load_extractor(request.param)


def test_features_have_the_stated_width_and_carry_no_gradient(extractor: Extractor) -> None:
    features = extract(extractor, torch.rand(3, 1, 32, 32) * 2 - 1, batch_size=2)
    assert features.shape == (3, extractor.dim)
    assert features.dtype == torch.float32
    assert features.isfinite().all()
    assert not features.requires_grad


def test_features_are_those_of_the_published_network() -> None:
    """Folding, the gray stem and channels_last are for speed alone."""
    published = EfficientNet.from_name("efficientnet-lite0")
    published.load_state_dict(torch.load(efficientnet.weights_path(), weights_only=True))
    published.eval()
    images = torch.rand(2, 1, 224, 224) * 2 - 1
    pixels = (((images + 1) * 127.5 - 127) / 128).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        expected = published.extract_features(pixels).mean((2, 3))
    torch.testing.assert_close(load_extractor("efficientnet-lite0")(images), expected, rtol=1e-4, atol=1e-5)


def test_features_of_an_image_do_not_depend_on_its_batch() -> None:
    extractor = load_extractor("efficientnet-lite0@128")
    images = torch.rand(3, 1, 64, 64) * 2 - 1
    together, alone = extract(extractor, images, batch_size=3), extract(extractor, images, batch_size=1)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_a_smaller_input_has_a_name_of_its_own() -> None:
    names = {load_extractor(name).score_name("fd") for name in OFFLINE}
    assert names == {"fd[efficientnet-lite0]", "fd[efficientnet-lite0@128]", "fd[radiomics-2d]"}


def test_an_unknown_extractor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="choose one of efficientnet-lite0"):
        load_extractor("resnet")


def test_weights_that_would_be_ignored_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leave out --weights"):
        load_extractor("efficientnet-lite0", tmp_path / "any.pth")


def test_inception_without_a_weights_file_says_where_to_fetch_it() -> None:
    with pytest.raises(UserError, match=r"--weights FILE.*torch-fidelity/releases"):
        load_extractor("inception")


def test_an_inception_file_with_another_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"not the weights")
    with pytest.raises(UserError, match="SHA-256"):
        load_extractor("inception", tmp_path / "w.pth")


@pytest.mark.skipif(importlib.util.find_spec("torch_fidelity") is not None, reason="the extra is installed")
def test_inception_without_its_extra_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.pth").write_bytes(b"stand-in")
    monkeypatch.setattr(inception, "WEIGHTS_SHA256", inception.digest(tmp_path / "w.pth"))
    with pytest.raises(UserError, match=r"pip install 'medattngan\[inception\]'"):
        load_extractor("inception", tmp_path / "w.pth")


def test_images_of_three_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="count, 1, H, W"):
        extract(load_extractor("efficientnet-lite0@128"), torch.zeros(1, 3, 8, 8))
