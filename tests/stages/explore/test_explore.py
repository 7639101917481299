"""What a generator can draw is shown as it draws it, and marked as synthetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json
from medattngan.core.plots import is_signed
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.models.styles import Styled
from medattngan.scans.find import examine
from medattngan.stages.explore.explore import _mixed, _told, explore
from medattngan.stages.explore.film import STEPS, way
from medattngan.stages.sample.sample import generate, latents, load_generator
from medattngan.stages.train.train import train


def trained(preset: str, store: SliceStore, path: Path, **data: object) -> Run:
    tree = {
        "data": {"size": 32, **data},
        "model": {"preset": preset, "generator_width": 8, "discriminator_width": 8, "z_dim": 8},
        "attention": {"kind": "bipartite", "resolutions": [8], "tokens": 3},
        "train": {"kimg": 0.008, "minutes": None, "batch_size": 4, "validate_minutes": None},
    }
    return train(Config.from_tree(tree, "test"), store, path, progress=False)


@pytest.fixture(scope="module")
def run(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("explored") / "run"
    return trained("compact", tiny_store, path, conditional=True, conditions=["position_mm"])


def test_an_exploration_holds_seeds_a_film_and_mixtures_and_is_marked(run: Run, tmp_path: Path) -> None:
    made = explore(run, tmp_path / "e", count=6, truncation=0.7)
    names = {path.name for path in made.path.iterdir()}
    assert names == {"seeds.png", "mixing.png", "interpolation.gif", "exploration.json", "seal.json"}
    assert read_json(made.path / "exploration.json")["synthetic"] is True
    for name in ("seeds.png", "mixing.png", "interpolation.gif"):
        assert is_signed((made.path / name).read_bytes()[:4096]), name
        assert examine((made.path / name, name)).pieces == ()
    with Image.open(made.path / "interpolation.gif") as film:
        assert film.n_frames > 1  # type: ignore[attr-defined]
        assert film.size == (192, 206)


def test_the_same_exploration_is_the_same_bytes(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        explore(run, tmp_path / name, count=2, label=None)
    for name in ("seeds.png", "mixing.png", "interpolation.gif"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_mixing_a_seed_with_itself_gives_its_slice_back(run: Run) -> None:
    generator = load_generator(run, run.checkpoint("last"))
    assert isinstance(generator, Styled)
    z = torch.cat([latents(seed, 0, 1, generator.z_dim) for seed in (0, 1, 0, 1)])
    told = _told(run, (0, 1, 0, 1), None, {})
    left, top, pairs = _mixed(generator, z, told, 2, 1.0)
    torch.testing.assert_close(left, generate(generator, z, told)[:2])
    torch.testing.assert_close(top, left)
    torch.testing.assert_close(pairs[[0, 3]], left)
    assert not torch.allclose(pairs[1], left[0], atol=1e-4)
    assert not torch.allclose(pairs[1], left[1], atol=1e-4)


def test_the_film_passes_through_every_seed_and_ends_where_it_began() -> None:
    z = torch.randn(4, 8)
    frames, told = way(z, {"age": torch.arange(4.0)[:, None]})
    torch.testing.assert_close(frames[::STEPS], z)
    assert told["age"][:: STEPS // 2, 0].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 1.5]


def test_a_generator_without_styles_has_no_mixtures_and_says_so(tiny_store: SliceStore, tmp_path: Path) -> None:
    made = explore(trained("dcgan", tiny_store, tmp_path / "run"), tmp_path / "e", count=2)
    assert not (made.path / "mixing.png").exists()
    assert "no styles" in made.notes[0]
    sheet = np.asarray(Image.open(made.path / "seeds.png").convert("L"))
    assert sheet.std() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 1}, r"--count 1; give .* 2 to 400"),
        ({"seed": -1}, "--seed is -1"),
        ({"truncation": 0.0}, r"--truncation is 0\.0"),
        ({"label": "no such"}, "no such"),
    ],
)
def test_what_cannot_be_explored_is_refused_without_a_trace(
    run: Run, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        explore(run, tmp_path / "e", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "e").exists()
