"""A text-conditioned system with two discriminators and an auto-encoder, without editing a file of the package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.installed import install_package

from medattngan.core import plugins
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

PACKAGE = "lab_systems"
CODE = '''
"""What CONTRIBUTING says of adding a preset, a game, a condition and an attention."""

import torch
from torch import nn
from torch.nn import functional as F

from medattngan.conditions.condition import NOTHING, Kind
from medattngan.core.files import UserError
from medattngan.games.game import Phase, System


class Words:
    """Which of the words of the training slices a text has."""

    def __init__(self, name, vocabulary):
        self.name, self.vocabulary = name, tuple(vocabulary)

    def encode(self, values):
        rows = [[float(word in text.split()) for word in self.vocabulary] for text in values]
        return torch.tensor(rows)

    def parse(self, text):
        return text

    def require(self, values):
        for text in values:
            if unknown := set(text.split()) - set(self.vocabulary):
                raise UserError(f"--condition {self.name}: no training slice says {sorted(unknown)[0]}.")

    def draw(self, count, seed, place):
        return [self.vocabulary[(seed + place + i) % len(self.vocabulary)] for i in range(count)]

    spread = draw

    def column(self, values):
        return list(values)

    def record(self):
        return {"kind": "words", "name": self.name, "vocabulary": list(self.vocabulary)}


def measure(index, name):
    return Words(name, sorted({word for text in index[name] for word in text.split()}))


WORDS = Kind(
    takes=lambda index, name: name in index and name.startswith("remark"),
    measure=measure,
    from_record=lambda record: Words(record["name"], record["vocabulary"]),
)


class Mean(nn.Module):
    """An attention: every position reads the mean of all."""

    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x + self.gamma * x.mean((2, 3), keepdim=True)


class Drawing(nn.Module):
    def __init__(self, size, words):
        super().__init__()
        self.z_dim, self.size = 4, size
        self.last = nn.Linear(4 + words, size * size)

    def forward(self, z, conditions=NOTHING):
        told = [conditions[name] for name in sorted(conditions)]
        return torch.tanh(self.last(torch.cat([z, *told], 1))).reshape(-1, 1, self.size, self.size)


class Judging(nn.Module):
    def __init__(self, size, words):
        super().__init__()
        self.size, self.last = size, nn.Linear(size * size + words, 1)

    def forward(self, images, conditions=NOTHING):
        told = [conditions[name] for name in sorted(conditions)]
        seen = F.adaptive_avg_pool2d(images, self.size).flatten(1)
        return self.last(torch.cat([seen, *told], 1)).squeeze(1)


class TwoScales:
    """Two discriminators, of the whole slice and of a small one, move before the generator does."""

    critics = ("whole", "small")

    def columns(self):
        return [f"loss_{name}" for name in (*self.critics, "generator")] + ["sign_real"]

    def draw(self, now, source):
        return {"z": torch.randn(now.count, 4, generator=source)}

    def phases(self, networks, batch, draws):
        images, told = batch
        fake = networks["generator"](draws["z"], told)
        seen = {}

        def judge(name):
            def terms():
                real = seen[name] = networks[name].bare(images, told)
                other = networks[name].bare(fake.detach(), told)
                return {f"loss_{name}": (F.softplus(-real) + F.softplus(other)).mean()}

            return terms

        for name in self.critics:
            yield Phase((name,), judge(name))
        yield Phase(
            ("generator",),
            lambda: {"loss_generator": sum(F.softplus(-networks[n].bare(fake, told)).mean() for n in self.critics)},
            lambda: {"sign_real": seen["whole"].sign().mean()},
        )

    def override(self, settings):
        raise UserError(f"this game has no loss.{next(iter(settings))}.")


def text_gan(shape):
    words = sum(len(one.vocabulary) for one in shape.conditions)
    networks = {
        "generator": Drawing(shape.size, words),
        "whole": Judging(shape.size, words),
        "small": Judging(8, words),
    }
    rates = dict.fromkeys(networks, 1e-2)
    return System(networks, TwoScales(), rates, z_dim=4, batch_size=4, discriminator="whole", averaged=("small",))


class Reconstruction:
    """The encoder and the generator move together."""

    def columns(self):
        return ["error", "spread"]

    def draw(self, now, source):
        return {"noise": torch.randn(now.count, 4, generator=source)}

    def phases(self, networks, batch, draws):
        def terms():
            codes = networks["encoder"](batch.images)
            again = networks["generator"](codes + 0.1 * draws["noise"], batch.conditions)
            return {"error": (again - batch.images).square().mean(), "spread": 1e-3 * codes.square().mean()}

        yield Phase(("encoder", "generator"), terms)

    def override(self, settings):
        raise UserError(f"this game has no loss.{next(iter(settings))}.")


def auto_encoder(shape):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(shape.size**2, 4))
    networks = {"encoder": encoder, "generator": Drawing(shape.size, 0)}
    rates = {"encoder": 1e-2, "generator": 1e-2}
    return System(networks, Reconstruction(), rates, z_dim=4, batch_size=4, discriminator=None)
'''


@pytest.fixture(autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("site")
    groups = {
        "medattngan.presets": {"text_gan": "text_gan", "auto_encoder": "auto_encoder"},
        "medattngan.conditions": {"words": "WORDS"},
        "medattngan.attention": {"mean": "Mean"},
    }
    install_package(folder, PACKAGE, CODE, groups)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    plugins.load.cache_clear()
    yield
    plugins.load.cache_clear()
    sys.modules.pop(PACKAGE, None)


def store_with_texts(path: Path, plain: SliceStore) -> SliceStore:
    """The slices of `plain`, each with a text."""
    path.mkdir()
    writer = StoreWriter(path)
    for i in range(len(plain)):
        writer.add(plain.codes(i))
    texts = [f"{label} blob" for label in plain.index["label"]]
    writer.finish(
        plain.index.assign(remark=pd.array(texts, dtype="string")), dict(plain.intensity), {"source": "blobs"}
    )
    return SliceStore.open(path)


def configuration(preset: str, kimg: float = 0.04, **data: object) -> Config:
    tree = {
        "data": {"size": 32, **data},
        "model": {"preset": preset},
        "attention": {"resolutions": []},
        "train": {"kimg": kimg, "minutes": None, "validate_minutes": None, "accelerator": "cpu", "log_kimg": 0.004},
    }
    return Config.from_tree(tree, "test")


def weights(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.checkpoint("last").glob("*.safetensors")}


def test_a_text_and_two_discriminators_need_no_change_of_the_package(tiny_store: SliceStore, tmp_path: Path) -> None:
    store = store_with_texts(tmp_path / "store", tiny_store)
    config = configuration("text_gan", conditions=["remark"])
    run = train(config, store, tmp_path / "run", progress=False)
    names = {"generator", "whole", "small", "ema", "small_ema"}
    assert set(weights(run)) == {f"{name}.safetensors" for name in names}
    logged = pd.read_csv(run.path / "metrics.csv")
    assert {"loss_generator", "loss_whole", "loss_small", "sign_real"} <= set(logged.columns)
    assert np.isfinite(logged[["loss_whole", "loss_small", "loss_generator"]].to_numpy()).all()
    made = sample(run, tmp_path / "small", count=3, values={"remark": "small blob"})
    assert made.table["remark"].tolist() == ["small blob"] * 3
    other = sample(run, tmp_path / "large", count=3, values={"remark": "large blob"})
    assert (made.codes != other.codes).any()
    assert Samples.open(tmp_path / "small").table["remark"].tolist() == ["small blob"] * 3
    with pytest.raises(UserError, match="no training slice says tumour"):
        sample(run, tmp_path / "none", count=3, values={"remark": "small tumour"})


def test_such_a_training_resumes_to_the_same_weights(tiny_store: SliceStore, tmp_path: Path) -> None:
    store = store_with_texts(tmp_path / "store", tiny_store)
    whole = train(configuration("text_gan", conditions=["remark"]), store, tmp_path / "whole", progress=False)
    train(configuration("text_gan", kimg=0.02, conditions=["remark"]), store, tmp_path / "part", progress=False)
    resumed = train(
        configuration("text_gan", conditions=["remark"]), store, tmp_path / "part", resume=True, progress=False
    )
    assert weights(resumed) == weights(whole)


def test_an_auto_encoder_moves_its_encoder_and_has_no_discriminator(tiny_store: SliceStore, tmp_path: Path) -> None:
    run = train(configuration("auto_encoder", kimg=0.4), tiny_store, tmp_path / "run", progress=False)
    assert set(weights(run)) == {"encoder.safetensors", "generator.safetensors", "ema.safetensors"}
    errors = pd.read_csv(run.path / "metrics.csv")["error"]
    assert errors.iloc[-5:].mean() < 0.5 * errors.iloc[:5].mean()
    assert sample(run, tmp_path / "s", count=2).codes.shape == (2, 32, 32)


def test_an_attention_of_ones_own_stands_in_both_networks_of_every_preset_of_ours(
    tiny_store: SliceStore, tmp_path: Path
) -> None:
    config = configuration("compact", kimg=0.008)
    small = config.model.model_copy(update={"generator_width": 4, "discriminator_width": 4})
    attends = config.attention.model_copy(update={"kind": "mean", "resolutions": (8,)})
    run = train(
        config.model_copy(update={"model": small, "attention": attends}), tiny_store, tmp_path / "run", progress=False
    )
    assert sample(run, tmp_path / "s", count=2).codes.shape == (2, 32, 32)


def test_a_round_is_a_function_of_batch_and_draws(tiny_store: SliceStore) -> None:
    """A second round from the same weights, batch and draws gives the same bytes, whatever the global generator is."""
    from medattngan.data.batches import Batches
    from medattngan.games.game import Batch, Round
    from medattngan.models import build
    from medattngan.stages.train.players import Players

    def played(noise: int) -> dict[str, bytes]:
        config = Config.from_tree(
            {
                "data": {"size": 32},
                "model": {"generator_width": 4, "discriminator_width": 4},
                "attention": {"resolutions": [8]},
                "train": {"accelerator": "cpu"},
            },
            "test",
        )
        torch.manual_seed(0)
        system = build(config)
        players = Players(config, system, Batches(tiny_store.split("train"), 32, 8, 0))
        draws = system.game.draw(Round(0, 8, 32, system.policy, 0.5), torch.Generator().manual_seed(1))
        torch.manual_seed(noise)
        before = torch.random.get_rng_state()
        players.round(Batch(*players.batches(0)), draws)
        assert torch.equal(torch.random.get_rng_state(), before), "a round drew a random number of its own"
        tensors = {f"{name}.{key}": t for name, n in players.state.files().items() for key, t in n.state_dict().items()}
        return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}

    assert played(1) == played(2)
