"""What MONAI, medigan, onnxruntime and the Hub make of an exported model: the same slices as `sample`."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.export_model import onnx
from medattngan.stages.export_model.export_model import export_model
from medattngan.stages.export_model.model_card import hub_licence
from medattngan.stages.sample.sample import latents

SEED = 3
MANDATORY = {
    "version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version", "task", "description",
    "authors", "copyright", "network_data_format", "schema",
}  # fmt: skip
"""Keys of metadata.json: https://docs.monai.io/en/stable/mb_specification.html."""
OF_A_TENSOR = {
    "type", "format", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data", "channel_def"
}  # fmt: skip


def physical(drawn: Samples) -> np.ndarray[Any, Any]:
    return np.stack([drawn.physical(i) for i in range(len(drawn))])


@pytest.fixture(scope="module")
def bundle(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_model(run, tmp_path_factory.mktemp("out") / "bundle", format="monai")


@pytest.mark.slow
def test_a_bundle_has_the_keys_of_the_specification(bundle: Path) -> None:
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert set(metadata) >= MANDATORY
    assert set(metadata["network_data_format"]["inputs"]["image"]) >= OF_A_TENSOR
    assert set(metadata["network_data_format"]["outputs"]["pred"]) >= OF_A_TENSOR
    assert (bundle / "LICENSE").is_file()
    assert (bundle / "docs" / "data_license.txt").is_file()
    assert "medattngan is not needed" in (bundle / "docs" / "README.md").read_text()


def test_monai_reads_a_bundle_and_writes_the_nifti_of_what_sample_draws(
    bundle: Path, drawn: Samples, tmp_path: Path
) -> None:
    from monai.bundle import ConfigParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = ConfigParser()
        parser.read_config(bundle / "configs" / "inference.json")
        parser["bundle_root"], parser["output_dir"] = str(bundle), str(tmp_path / "nifti")
        parser["count"], parser["seed"] = len(drawn), SEED
        network = parser.get_parsed_content("network_def")
        write = parser.get_parsed_content("postprocessing")
        batch = torch.stack([one["image"] for one in parser.get_parsed_content("data")])
        with torch.no_grad():
            made = network(batch)
        for one in made[:2]:
            write({"pred": one})
    assert np.abs(made[:, 0].numpy() - physical(drawn)).max() <= 1.001 * drawn.map.step
    files = sorted((tmp_path / "nifti").glob("*.nii.gz"))
    images: list[Any] = [nib.load(path) for path in files]  # type: ignore[attr-defined]
    assert len(images) == 2
    for image, slice_ in zip(images, made[:, 0].numpy(), strict=False):
        assert np.array_equal(np.asarray(image.dataobj).reshape(32, 32).T, slice_)
        assert nib.orientations.aff2axcodes(image.affine) == ("L", "P", "S")  # type: ignore[no-untyped-call]
        assert image.header.get_zooms()[:2] == (4.0, 4.0)


def test_monai_finds_that_inputs_and_outputs_are_as_declared(bundle: Path) -> None:
    from monai.bundle import verify_net_in_out

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        configs = bundle / "configs"
        options = {"meta_file": str(configs / "metadata.json"), "config_file": str(configs / "inference.json")}
        verify_net_in_out("network_def", device="cpu", bundle_root=str(bundle), **options)
        options["_meta_#network_data_format#outputs#pred#num_channels"] = 2  # type: ignore[assignment]
        with pytest.raises(ValueError, match="channel number"):
            verify_net_in_out("network_def", device="cpu", bundle_root=str(bundle), **options)


def imported(folder: Path) -> Any:
    """The package as medigan imports it."""
    spec = importlib.util.spec_from_file_location(folder.name, folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_medigan_package_draws_what_sample_draws(run: Run, drawn: Samples, tmp_path: Path) -> None:
    folder = export_model(run, tmp_path / "out", format="medigan")
    ((name, entry),) = json.loads((folder / "metadata.json").read_text()).items()
    package, model = imported(folder / name), folder / name / "model.ts"
    assert entry["execution"]["model_name"] + entry["execution"]["extension"] == model.name
    custom = entry["execution"]["generate_method"]["args"]["custom"]
    made = package.generate(model, len(drawn), "", save_images=False, **{**custom, "seed": SEED})
    assert np.abs(np.stack(made) - physical(drawn)).max() <= 1.001 * drawn.map.step
    assert package.generate(model, 0, "", save_images=False) == []
    package.generate(model, 0, tmp_path / "none", save_images=True)
    assert list((tmp_path / "none").iterdir()) == []
    assert package.generate(model, 2, tmp_path / "two", save_images=True, seed=SEED) is None
    from PIL import Image

    with Image.open(tmp_path / "two" / "synthetic_00001.png") as picture:
        assert np.abs(np.asarray(picture).astype(int) - drawn.codes[1].astype(int)).max() <= 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_medigan_package_draws_what_it_is_asked_for_and_nothing_beyond(told: Run, tmp_path: Path) -> None:
    folder = export_model(told, tmp_path / "out", format="medigan")
    (name,) = json.loads((folder / "metadata.json").read_text())
    package, model = imported(folder / name), folder / name / "model.ts"
    small, large = (
        package.generate(model, 1, "", save_images=False, seed=1, conditions={"label": label, "position_mm": 10})[0]
        for label in ("small", "large")
    )
    assert not np.array_equal(small, large)
    for asked in ({"label": "huge"}, {"age": 3}, {"position_mm": 1e4}):
        with pytest.raises(ValueError, match=r"one of|no condition|range"):
            package.generate(model, 1, "", save_images=False, conditions=asked)


@pytest.mark.slow
def test_the_description_quotes_scores_with_their_intervals(plain: Run, tmp_path: Path, tiny_store: Any) -> None:
    samples = plain.path.parent / "samples"
    scores = evaluate(samples, tiny_store, tmp_path / "scores", extractor="radiomics-2d")
    given = [samples, tmp_path / "scores"]
    folder = export_model(plain, tmp_path / "out", format="medigan", evidence=given)
    (entry,) = json.loads((folder / "metadata.json").read_text()).values()
    low, high = scores["ssim_pairwise"]["ci95"]
    assert f"95 % {low:.4g} to {high:.4g}" in entry["description"]["comment"]
    assert "not audited for copies" in entry["description"]["comment"]
    assert entry["selection"]["performance"]["ssim_pairwise"] == scores["ssim_pairwise"]["value"]


@pytest.mark.slow
def test_medigan_itself_runs_the_package(plain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("medigan", reason="medigan 1.0 needs setuptools < 80 and an environment of its own")
    from medigan import Generators  # type: ignore[import-not-found]

    folder = export_model(plain, tmp_path / "out", format="medigan")
    metadata = json.loads((folder / "metadata.json").read_text())
    (name,) = metadata
    metadata[name]["execution"]["package_link"] = str(folder / f"{name}.zip")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "global.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    generators = Generators()
    assert generators.add_model_to_config(name, metadata, is_local_model=True)
    assert len(generators.generate(name, num_samples=3, save_images=False)) == 3
    assert generators.generate(name, num_samples=0, save_images=False) == []


@pytest.mark.slow
def test_onnxruntime_draws_what_sample_draws(told: Run, tmp_path: Path) -> None:
    for name in ("onnx", "onnxscript"):
        pytest.importorskip(name, reason="needs the extra: pip install 'medattngan[onnx]'")
    import onnx as library
    import onnxruntime

    file = export_model(told, tmp_path / "out", format="onnx") / "model.onnx"
    graph = library.load(str(file)).graph
    constants = {one.name for one in graph.initializer}
    grown = [node for node in graph.node if node.op_type == "ConvTranspose"]
    assert grown
    assert all(node.input[1] in constants for node in grown), "a kernel is computed anew for every batch"
    session = onnxruntime.InferenceSession(str(file))
    assert [one.name for one in session.get_inputs()] == ["z", "label", "position_mm"]
    drawn = Samples.open(told.path.parent / "samples")
    names = sorted(set(drawn.table["label"]))
    feed = {
        "z": latents(SEED, 0, len(drawn), 8).numpy(),
        "label": np.array([names.index(one) for one in drawn.table["label"]]),
        "position_mm": drawn.table["position_mm"].to_numpy(np.float32),
    }
    for count in (1, len(drawn)):
        (made,) = session.run(None, {name: one[:count] for name, one in feed.items()})
        assert np.abs(made[:, 0] - physical(drawn)[:count]).max() <= 2.001 * drawn.map.step


def test_without_onnx_a_sentence_says_what_to_install(
    plain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "NEEDS", ("no_such_package",))
    with pytest.raises(UserError, match=r"needs no_such_package; install them with: pip install 'medattngan\[onnx\]'"):
        export_model(plain, tmp_path / "out", format="onnx")


def test_the_hub_reads_the_card(plain: Run, tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    card.write_text("licence: CC BY-SA 4.0\ndata: IXI\n")
    text = (export_model(plain, tmp_path / "out", format="safetensors", card=card) / "README.md").read_text()
    assert re.match(r"---\nlicense: cc-by-sa-4.0\nlibrary_name: medattngan\n", text)
    assert "## Data\n\nIXI" in text
    hub = pytest.importorskip("huggingface_hub")
    assert hub.ModelCard(text).data.license == "cc-by-sa-4.0"
    assert hub_licence("MIT.") == "mit"


def test_the_command_line_exports(plain: Run, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    asked = ["export-model", str(plain.path), "--format", "safetensors", "--out", str(tmp_path / "out")]
    ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 0, ended.output
    assert ended.output.strip() == str(tmp_path / "out")
    assert sys.modules["medattngan"].export_model is export_model
