"""Real slices go into a run's latent space and come back, and stay patients' slices all the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.canaries import CANARIES
from helpers.outcomes import contents
from helpers.tiny import tiny_config

from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.latents import ENCODER, Latents
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.encode.encode import encode
from medattngan.stages.encode.izi import fit, residuals
from medattngan.stages.encode.networks import Networks
from medattngan.stages.encode.reconstruct import reconstruct
from medattngan.stages.train.train import train

SHORT = {"kimg": 0.012, "minutes": None, "batch_size": 4, "validate_minutes": None, "accelerator": "cpu"}


def trained(preset: str, store: SliceStore, path: Path, **data: object) -> Run:
    config = tiny_config(preset, data={"size": 32, **data}, train=SHORT)
    return train(config, store, path, progress=False)


@pytest.fixture(scope="module")
def own(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with an encoder, told labels and positions."""
    path = tmp_path_factory.mktemp("own") / "run"
    return trained("vae_gan", tiny_store, path, conditional=True, conditions=["position_mm"])


@pytest.fixture(scope="module")
def plain(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run without."""
    return trained("compact", tiny_store, tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture(scope="module")
def latents(own: Run, tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Latents:
    return encode(own, tiny_store, tmp_path_factory.mktemp("encoded") / "latents", progress=False)


def test_latents_are_of_the_split_asked_for_and_name_their_sources(latents: Latents, tiny_store: SliceStore) -> None:
    part = tiny_store.split("test")
    assert latents.means.shape == latents.spread.shape == (len(part), 8)
    assert list(latents.table["patient"]) == list(part.index["patient"])
    assert list(tiny_store.index["patient"].iloc[latents.table["row"]]) == list(part.index["patient"])
    assert latents.provenance["source"]["patients"] == 2
    assert (latents.provenance["synthetic"], latents.provenance["of_patients"]) == (False, True)
    assert (latents.spread > 0).all()


def test_the_same_encoding_is_the_same_bytes_whatever_is_encoded_with_it(
    own: Run, tiny_store: SliceStore, latents: Latents, tmp_path: Path
) -> None:
    encode(own, tiny_store, tmp_path / "again", progress=False)
    assert contents(tmp_path / "again") == contents(latents.path)
    whole = encode(own, tiny_store, tmp_path / "whole", split="all", progress=False)
    assert np.array_equal(whole.means[latents.table["row"]], latents.means)


def test_an_encoder_learns_and_leaves_generator_and_discriminator_as_they_are(
    plain: Run, tiny_store: SliceStore
) -> None:
    networks = Networks.of(plain)
    assert networks.discriminator is not None
    fixed = [networks.generator, networks.discriminator]
    before = [{name: one.clone() for name, one in network.state_dict().items()} for network in fixed]
    torch.manual_seed(0)
    encoder, images = networks.new_encoder(), torch.from_numpy(tiny_store.all_codes()[:32] / 65535).float()
    real = images[:, None] * 2 - 1
    losses = fit(encoder, networks.generator, residuals(networks.discriminator), real, {}, 0.25, 0)
    assert np.mean(losses[-2:]) < losses[0]
    for network, old in zip(fixed, before, strict=True):
        assert all(torch.equal(one, old[name]) for name, one in network.state_dict().items())


def test_an_encoder_that_was_trained_is_kept_and_taken_again(
    plain: Run, tiny_store: SliceStore, own: Run, tmp_path: Path
) -> None:
    first = encode(plain, tiny_store, tmp_path / "first", kimg=0.05, progress=False)
    assert (first.path / ENCODER).is_file()
    assert not first.spread.any()
    second = encode(plain, tiny_store, tmp_path / "second", split="val", encoder=first, progress=False)
    assert contents(second.path)[ENCODER] == contents(first.path)[ENCODER]
    with pytest.raises(UserError, match="has an encoder of its own; leave --encoder out"):
        encode(own, tiny_store, tmp_path / "third", encoder=first, progress=False)
    with pytest.raises(UserError, match="is of another run or checkpoint"):
        reconstruct(own, first, tmp_path / "third", progress=False)


def test_reconstructions_name_whose_they_are_and_are_not_synthetic(
    own: Run, latents: Latents, tiny_store: SliceStore, tmp_path: Path
) -> None:
    made = reconstruct(own, latents, tmp_path / "made", data=tiny_store, progress=False)
    assert made.of_patients
    assert list(made.table["sources"]) == list(latents.table["patient"])
    assert list(made.table["label"]) == list(latents.table["label"])
    assert made.table["ssim"].between(-1, 1).all()
    assert made.provenance["made"] == "reconstructed"
    assert not any(word in (made.path / "provenance.json").read_text() for word in CANARIES)


def test_the_ends_of_an_interpolation_are_the_reconstructions_of_its_two_sources(
    own: Run, latents: Latents, tmp_path: Path
) -> None:
    each = reconstruct(own, latents, tmp_path / "each", progress=False)
    way = reconstruct(own, latents, tmp_path / "way", between=(0, 7), steps=5, progress=False)
    assert np.array_equal(way.codes[0], each.codes[0])
    assert np.array_equal(way.codes[-1], each.codes[7])
    assert set(way.table["sources"]) == {"patient-10 patient-11"}
    assert list(way.table["share"]) == [0, 0.25, 0.5, 0.75, 1]
    assert list(way.table["label"]) == ["small", "small", "large", "large", "large"]


def test_an_edit_changes_the_condition_and_still_names_its_source(own: Run, latents: Latents, tmp_path: Path) -> None:
    edited = reconstruct(own, latents, tmp_path / "edited", values={"position_mm": "5"}, progress=False)
    assert set(edited.table["position_mm"]) == {5.0}
    assert edited.provenance["made"] == "edited"
    assert list(edited.table["sources"]) == list(latents.table["patient"])
    with pytest.raises(UserError, match=r"--condition age: .* is told label, position_mm"):
        reconstruct(own, latents, tmp_path / "other", values={"age": "5"}, progress=False)
    with pytest.raises(UserError, match="has the rows 0 to 11"):
        reconstruct(own, latents, tmp_path / "other", between=(0, 12), progress=False)


def test_what_a_latent_does_not_say_is_refused(tiny_store: SliceStore, own: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--split is 'trian'; choose one of train, val, test and all"):
        encode(own, tiny_store, tmp_path / "l", split="trian")
    with pytest.raises(UserError, match="is not a latents folder"):
        Latents.open(tmp_path)


@pytest.mark.slow
def test_an_audit_names_the_sources(own: Run, tiny_store: SliceStore, tmp_path: Path) -> None:
    from medattngan.stages.audit.audit import audit
    from medattngan.stages.audit.sentences import summary
    from medattngan.stages.encoder.encoder import encoder

    encoder(tiny_store, tmp_path / "encoder", kimg=0.1)
    latents = encode(own, tiny_store, tmp_path / "latents", split="train", progress=False)
    reconstruct(own, latents, tmp_path / "made", progress=False)
    options = {"encoder": tmp_path / "encoder", "false_positives": 0.3, "planted": 12}
    report = audit(tmp_path / "made", tiny_store, tmp_path / "audit", **options)  # type: ignore[arg-type]
    assert report["sources"]["patients"] == 8
    assert report["sources"]["nearest_is_source"]["of"] == 48
    assert "not synthetic: they were drawn from latents of 8 patients" in summary(report)[0]
    assert "flagged" in Samples.open(tmp_path / "made").table
