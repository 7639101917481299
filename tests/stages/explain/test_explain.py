"""What an attention read is shown as it read it, of every kind in every preset, and marked as synthetic."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import PLAIN
from helpers.tiny_masks import write_masked_store
from PIL import Image
from torch import nn

from medattngan.attention import ATTENTION
from medattngan.cli.app import main
from medattngan.core.config import Config
from medattngan.core.files import UserError, read_json
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.scans.find import examine
from medattngan.stages.explain.explain import explain
from medattngan.stages.explain.maps import maps, observe
from medattngan.stages.explain.paths import slerp
from medattngan.stages.explain.points import choose_points
from medattngan.stages.sample.sample import latents, sample
from medattngan.stages.train.train import train


def configuration(preset: str, kind: str, resolutions: tuple[int, ...] = (8, 16), **data: object) -> Config:
    tree = {
        "data": {"size": 32, **data},
        "model": {"preset": preset, "generator_width": 8, "discriminator_width": 8, "z_dim": 8},
        "attention": {"kind": kind, "resolutions": list(resolutions), "heads": 2},
        "train": {"kimg": 0.004, "minutes": None, "batch_size": 4, "validate_minutes": None},
    }
    return Config.from_tree(tree, "test")


@pytest.fixture(scope="module")
def run(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = configuration("compact", "dynamic", (8,), conditional=True, conditions=["position_mm"])
    return train(config, tiny_store, tmp_path_factory.mktemp("explained") / "run", progress=False)


@pytest.mark.parametrize("kind", ATTENTION)
@pytest.mark.parametrize("preset", PLAIN)
def test_every_attention_of_every_preset_shows_its_maps(preset: str, kind: str) -> None:
    torch.manual_seed(0)
    gan = build(configuration(preset, kind))
    for name, network, given in (
        ("generator", gan.networks["generator"], torch.randn(1, 8)),
        ("discriminator", gan.networks["discriminator"], torch.rand(1, 1, 32, 32) * 2 - 1),
    ):
        for module in network.modules():
            if type(module) in ATTENTION.values():
                nn.init.constant_(module.get_parameter("gamma"), 0.5)
        network.eval()
        _, seen = observe(name, network, given)
        assert [(one.kind, one.number) for one in seen] == [(kind, i) for i in range(len(seen))]
        heights = [8, 16] if name == "generator" else [16, 8]
        assert [one.height for one in seen] == ([8] if preset == "attention_generator" else heights)
        for one in seen:
            assert (one.gamma, one.added > 0) == (0.5, True)
            if kind == "none":
                with pytest.raises(ValueError, match="no attention map"):
                    maps(one, (3, 20), 32)
                continue
            found = maps(one, (3, 20), 32)
            assert next(iter(found)) == kind
            assert len(found) == {"multi_head": 3, "dynamic": 4}.get(kind, 1)
            assert all(float(m.mean()) == pytest.approx(1, abs=1e-4) and m.min() >= 0 for m in found.values())
            assert sum(one.shares().values()) == pytest.approx(1 if kind == "dynamic" else 0, abs=1e-5)


def test_the_map_of_a_point_is_that_of_the_position_beneath_it() -> None:
    """In times the mean: the preset pools the 8 × 8 keys to 4 × 4."""
    torch.manual_seed(0)
    gan = build(configuration("compact", "scaled_dot", (8,)))
    _, (seen,) = observe("generator", gan.networks["generator"].eval(), torch.randn(1, 8))
    beneath = seen.module.weights(seen.before, (5, 2))  # type: ignore[operator]
    np.testing.assert_allclose(maps(seen, (23, 8), 32)["scaled_dot"], beneath[0, 0].detach() * 16, rtol=1e-5)


def test_the_gate_says_what_is_added() -> None:
    torch.manual_seed(0)
    gan = build(configuration("compact", "additive", (8,)))
    _, (shut,) = observe("generator", gan.networks["generator"].eval(), torch.randn(1, 8))
    assert (shut.gamma, shut.added) == (0.0, 0.0)
    module = shut.module
    with torch.no_grad():
        module.get_parameter("gamma").fill_(2.0)
    torch.manual_seed(1)
    _, (opened,) = observe("generator", gan.networks["generator"], torch.randn(1, 8))
    with torch.no_grad():
        read = module.read(opened.before)  # type: ignore[operator]
    assert opened.added == pytest.approx(float(2 * read.norm() / opened.before.norm()), rel=1e-4)


@pytest.mark.slow
def test_an_explanation_holds_maps_gates_and_ways_and_is_marked(run: Run, tmp_path: Path) -> None:
    made = explain(run, tmp_path / "e", seed=3, points=[(4, 20)])
    names = {path.name for path in made.path.iterdir()}
    assert names == {
        "attention-generator-0.png", "attention-discriminator-0.png", "gates.csv", "gates.png", "interpolation.png",
        "explanation.json", "seal.json",
    }  # fmt: skip
    with (made.path / "gates.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["network"] for row in rows] == ["generator", "discriminator"]
    for row in rows:
        shares = [float(value) for name, value in row.items() if name.startswith("share_")]
        assert (len(shares), sum(shares)) == (3, pytest.approx(1, abs=1e-4))
    record = read_json(made.path / "explanation.json")
    assert record["synthetic"] is True
    assert record["points"] == {"4,20": [4, 20]}
    for path in made.path.glob("*.png"):
        assert examine((path, path.name)).pieces == ()
        with Image.open(path) as picture:
            assert picture.size[0] > 200


def test_it_explains_the_slice_that_sample_draws(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = sample(run, tmp_path / "s", count=3, seed=3)
    shown: list[torch.Tensor] = []
    module = sys.modules["medattngan.stages.explain.explain"]  # the package's own attribute is the verb
    monkeypatch.setattr(module, "save_maps", lambda path, image, *rest: shown.append(image))
    record = read_json(explain(run, tmp_path / "e", seed=3, number=2).path / "explanation.json")
    torch.testing.assert_close(shown[0][0], drawn.unit()[2], atol=1e-3, rtol=0)
    assert set(record["points"]) == {"middle", "brightest", "edge", "background"}
    assert record["label"] == drawn.table["label"][2]
    assert record["conditions"]["position_mm"] == drawn.table["position_mm"][2]


@pytest.mark.parametrize("condition", ["mask", "drawn_mask"])
def test_a_slice_with_a_mask_is_explained_with_it(
    condition: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store").mkdir()
    store = write_masked_store(tmp_path / "store")
    trained = train(
        configuration("compact", "scaled_dot", (8,), conditions=[condition]), store, tmp_path / "run", progress=False
    )
    masks = {"masks": store, "masks_split": "test", "edits": ["scale=core:1.5"]} if condition == "mask" else {}
    drawn = sample(trained, tmp_path / "s", count=3, seed=3, **masks)  # type: ignore[arg-type]
    seen: dict[str, tuple[Any, ...]] = {}
    module = sys.modules["medattngan.stages.explain.explain"]  # the package's own attribute is the verb
    monkeypatch.setattr(
        module, "save_mask", lambda path, *rest, of_patient: seen.update(mask=rest, whose=(of_patient,))
    )
    monkeypatch.setattr(module, "save_strips", lambda path, strips: seen.update(strips=(strips,)))
    record = read_json(explain(trained, tmp_path / "e", seed=3, number=2, **masks).path / "explanation.json")  # type: ignore[arg-type]
    image, mask, names = seen["mask"]
    torch.testing.assert_close(image[0], drawn.unit()[2], atol=1e-3, rtol=0)
    assert drawn.masks is not None
    np.testing.assert_array_equal(mask, drawn.masks[2])
    assert names == ("background", "core", "rim")
    assert seen["whose"] == (condition == "mask",)
    assert record["masks"] == drawn.provenance["masks"]
    without = seen["strips"][0].get("without each structure of the mask, same latent")
    assert (without is None) == (condition == "drawn_mask")
    if without is not None:
        assert record["conditions"] == {"mask": "core; rim"}
        assert without[1] == ["as it is", "core", "rim"]
        torch.testing.assert_close(without[0][0], drawn.unit()[2], atol=1e-3, rtol=0)
        assert (without[0][1] - without[0][0]).abs().max() > 0


@pytest.mark.slow
def test_the_same_slice_has_the_same_explanation(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        explain(run, tmp_path / name, points=[(4, 4)], values={"position_mm": 5.0}, label="small")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.parametrize(("kind", "resolutions"), [("none", (8,)), ("scaled_dot", ())])
def test_a_run_without_attention_says_so_and_the_ways_are_drawn(
    kind: str, resolutions: tuple[int, ...], tiny_store: SliceStore, tmp_path: Path
) -> None:
    plain = train(configuration("compact", kind, resolutions), tiny_store, tmp_path / "run", progress=False)
    made = explain(plain, tmp_path / "e")
    assert "This run has no attention" in made.notes[0]
    assert (made.path / "interpolation.png").is_file()
    assert not list(made.path.glob("attention-*.png"))
    assert (made.path / "gates.csv").is_file() == bool(resolutions)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--point", "3"], "must be a row and a column"),
        (["--point", "3,32"], "0 to 31"),
        (["--label", "nonsense"], "not among the labels"),
        (["--condition", "position_mm=99"], "0 to 25"),
        (["--number", "-1"], "0 or more"),
    ],
)
def test_what_cannot_be_explained_is_refused_without_a_trace(
    options: list[str],
    said: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["medattngan", "explain", str(run.path), "--out", str(tmp_path / "e"), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "e").exists()


def test_a_folder_that_is_there_is_not_written_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(UserError, match="exists already"):
        explain(run, tmp_path)


def test_a_way_between_latents_keeps_their_length_and_has_their_ends() -> None:
    first, second = latents(0, 0, 2, 64)
    second = second * first.norm() / second.norm()
    way = slerp(first, second)
    torch.testing.assert_close(way[0], first, atol=1e-4, rtol=0)
    torch.testing.assert_close(way[-1], second, atol=1e-4, rtol=0)
    torch.testing.assert_close(way.norm(dim=1), first.norm().expand(len(way)), rtol=1e-4, atol=0)
    torch.testing.assert_close(slerp(first, first), first.expand(9, -1))
    assert torch.isfinite(slerp(first, -first)).all()


def test_points_are_where_they_say() -> None:
    image = -torch.ones(1, 1, 32, 32)
    image[..., 4:12, 20:28] = 0.5
    image[..., 6:8, 22:24] = 1.0
    points = choose_points(image)
    row, column = points["brightest"]
    assert image[0, 0, row, column] > 0
    row, column = points["background"]
    assert image[0, 0, row, column] == -1
    row, column = points["edge"]
    assert float(image[0, 0, row - 3 : row + 4, column - 3 : column + 4].std()) > 0.5
