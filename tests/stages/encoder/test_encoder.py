"""The encoder: its loss, its views, its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from medattngan.core.files import UserError
from medattngan.data.images import load_images
from medattngan.data.store import SliceStore
from medattngan.extractors.encoder import DIM, EncoderNetwork, load_encoder
from medattngan.stages.encoder.contrastive import nt_xent
from medattngan.stages.encoder.encoder import embed, encoder
from medattngan.stages.encoder.views import view


@pytest.fixture(scope="module")
def trained(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoders") / "blobs"
    encoder(tiny_store, path, kimg=0.3)
    return path


def test_the_loss_is_that_of_the_paper_term_by_term() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (F.normalize(torch.randn(5, 8, generator=generator), dim=1) for _ in range(2))
    z = torch.cat([first, second])
    total = 0.0
    for i in range(10):
        j = (i + 5) % 10
        others = sum(torch.exp(z[i] @ z[k] / 0.5) for k in range(10) if k != i)
        total += -torch.log(torch.exp(z[i] @ z[j] / 0.5) / others).item()
    assert nt_xent(first, second, 0.5).item() == pytest.approx(total / 10, rel=1e-5)


def test_equal_pairs_far_from_all_others_have_loss_about_0() -> None:
    corners = torch.eye(6)
    assert nt_xent(corners, corners).item() < 1e-2 < nt_xent(corners, corners.roll(1, 0)).item()


def test_two_views_differ_and_follow_from_the_generator_alone() -> None:
    images = torch.rand(6, 1, 32, 32) * 2 - 1
    first, again = (view(images, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.abs().max() <= 1
    assert not torch.equal(first, view(images, torch.Generator().manual_seed(2)))


def test_training_brings_views_of_a_slice_together(trained: Path, tiny_store: SliceStore) -> None:
    record = load_encoder(trained).record
    assert record["loss_by_tenth"][-1] < record["loss_by_tenth"][0]
    assert (record["patients"], record["slices"], record["split"]) == (8, 48, "train")
    assert record["store_digest"] == tiny_store.digest


def test_features_and_projections_have_their_shapes_and_lengths(trained: Path, tiny_store: SliceStore) -> None:
    network = load_encoder(trained).network
    images = load_images(tiny_store.split("val"), size=32)
    assert network(images.float()).shape == (12, DIM)
    assert embed(network, images).norm(dim=1) == pytest.approx(torch.ones(12), abs=1e-5)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not network.training


def test_brightness_and_contrast_are_not_seen() -> None:
    torch.manual_seed(0)
    network = EncoderNetwork(32).eval()
    images = torch.rand(3, 1, 32, 32)
    torch.testing.assert_close(network(images), network(0.9 * images - 0.1), rtol=0.05, atol=0.02)


def test_an_image_of_any_size_is_encoded(trained: Path) -> None:
    assert load_encoder(trained).network(torch.rand(2, 1, 48, 48)).shape == (2, DIM)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    trained: Path, tiny_store: SliceStore, tmp_path: Path
) -> None:
    again = encoder(tiny_store, tmp_path / "again", kimg=0.3)
    assert again.digest == load_encoder(trained).digest
    assert encoder(tiny_store, tmp_path / "other", kimg=0.3, seed=1).digest != again.digest


def test_the_random_state_of_the_caller_is_left_alone(tiny_store: SliceStore, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    encoder(tiny_store, tmp_path / "encoder", kimg=0.05)
    assert torch.equal(before, torch.get_rng_state())


def test_held_out_patients_are_not_shown_to_it(tiny_store: SliceStore, tmp_path: Path, trained: Path) -> None:
    blinded = tiny_store.select(tiny_store.index["split"] == "train")
    assert encoder(blinded, tmp_path / "blinded", kimg=0.3).digest == load_encoder(trained).digest


def test_the_name_says_folder_and_weights(trained: Path) -> None:
    found = load_encoder(trained)
    assert found.name == f"encoder:blobs@{found.digest[:8]}"
    assert found.record["weights_sha256"] == found.digest


def test_what_is_no_encoder_is_refused(trained: Path, tiny_store: SliceStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="medattngan encoder STORE"):
        load_encoder(tmp_path)
    for name in ("encoder.json", "encoder.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    (tmp_path / "encoder.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match=r"is not what encoder\.json describes"):
        load_encoder(tmp_path)
    with pytest.raises(UserError, match="--kimg is 0"):
        encoder(tiny_store, tmp_path / "new", kimg=0)
    few = tiny_store.select(tiny_store.index["patient"] == "patient-00")
    with pytest.raises(UserError, match="16 training slices"):
        encoder(few, tmp_path / "new")


@pytest.mark.slow
def test_an_encoder_has_the_same_bytes_whatever_the_number_of_workers(
    trained: Path, tiny_store: SliceStore, tmp_path: Path
) -> None:
    for workers in (1, 2):
        encoder(tiny_store, tmp_path / str(workers), kimg=0.3, workers=workers)
        for name in ("encoder.safetensors", "encoder.json"):  # made with one thread, as workers are
            assert (tmp_path / str(workers) / name).read_bytes() == (trained / name).read_bytes()


def test_a_number_of_workers_that_is_none_is_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--workers 0"):
        encoder(tiny_store, tmp_path / "encoder", workers=0)
