"""Configurations: closed to unknown keys, checked alike in a file and in --set, and the same when read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import torch
import yaml
from helpers.captioned import TEXT
from helpers.told import conditions
from hypothesis import given, settings
from hypothesis import strategies as st

from medattngan import augment as augmentations
from medattngan.attention import ATTENTION
from medattngan.augment import GEOMETRIC
from medattngan.conditions.condition import Condition
from medattngan.core.config import AttentionConfig, AugmentName, Config, LossConfig
from medattngan.core.files import UserError
from medattngan.games.losses import LOSSES
from medattngan.games.objective import LossKind
from medattngan.models import PRESETS, build

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def load(folder: Path, text: str, *overrides: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return Config.load(path, overrides)


def refusal(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        load(folder, text, *overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def told(config: Config) -> tuple[Condition, ...]:
    """Conditions as the configuration names them."""
    return tuple(TEXT if name == TEXT.name else conditions(0, (name,))[0] for name in config.data.conditions)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_that_is_shipped_loads_and_builds(path: Path) -> None:
    size = max(32, *Config.load(path).attention.resolutions, 0)  # the smallest with maps for every attention
    config = Config.load(path, [f"data.size={size}", "model.generator_width=4", "model.discriminator_width=4"])
    assert path.read_text(encoding="utf-8").startswith("#")
    assert "generator" in build(config, told(config)).networks


def test_every_preset_has_a_configuration() -> None:
    assert set(PRESETS) <= {Config.load(path).model.preset for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_header_of_a_configuration_gives_its_command(path: Path) -> None:
    assert f"medattngan train configs/{path.name} --data STORE --out RUN" in path.read_text(encoding="utf-8")


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "") == load(tmp_path, "train:\n") == Config()


def test_an_unknown_key_is_named_with_what_is_allowed(tmp_path: Path) -> None:
    message = refusal(tmp_path, "attention:\n  knid: none\n")
    assert str(tmp_path / "config.yaml") in message
    known = "heads, kind, resolutions, tokens, words"
    assert f"attention.knid is not a key (did you mean attention.kind?); allowed here: {known}" in message


def test_an_unknown_section_is_named_with_what_is_allowed(tmp_path: Path) -> None:
    allowed = "attention, augment, data, loss, model, optimizer, private, stack, train"
    expected = f"trian is not a key (did you mean train?); allowed here: {allowed}"
    assert expected in refusal(tmp_path, "trian:\n  kimg: 1\n")
    assert expected in refusal(tmp_path, "", "trian.kimg=1")


@pytest.mark.parametrize(
    ("key", "meant"),
    [("train.r1_gamma", "loss.r1_gamma"), ("data.minutes", "train.minutes"), ("loss.r1_gama", "loss.r1_gamma")],
)
def test_a_key_in_the_wrong_section_or_misspelt_is_told_where_it_is(tmp_path: Path, key: str, meant: str) -> None:
    assert f"{key} is not a key (did you mean {meant}?); allowed" in refusal(tmp_path, "", f"{key}=1")


def test_a_key_like_no_other_has_no_suggestion(tmp_path: Path) -> None:
    assert "train.zzz is not a key; allowed here" in refusal(tmp_path, "", "train.zzz=1")


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("data", "size", "48", "data.size is 48, but it should be 32, 64, 128, 256 or 512"),
        ("data", "size", "[64, 128]", "data.size is [64, 128], but it should be 32, 64, 128, 256 or 512"),
        ("loss", "kind", "dot", "loss.kind is 'dot', but it should be 'minimax', 'non_saturating'"),
        ("attention", "resolutions", "[12]", "each resolution must be a power of two, 4 or more"),
        ("attention", "resolutions", "16", "attention.resolutions is 16, but it should be a list"),
        ("attention", "heads", "0", "attention.heads is 0, but it should be greater than or equal to 1"),
        ("train", "kimg", "0", "train.kimg is 0, but it should be greater than 0"),
        ("train", "kimg", "soon", "train.kimg is 'soon', but it should be a valid number"),
        ("train", "kimg", ".inf", "train.kimg is inf, but it should be a finite number"),
        ("train", "batch_size", "2.5", "train.batch_size is 2.5, but it should be a valid integer"),
        ("augment", "policy", "[flip, shear]", "augment.policy is 'shear', but it should be 'flip'"),
        ("augment", "probability", "1.5", "augment.probability is 1.5, but it should be less than or equal to 1"),
        ("loss", "kind", "lsgan", "loss.kind is 'lsgan', but it should be 'minimax'"),
        ("optimizer", "beta1", "1", "optimizer.beta1 is 1, but it should be less than 1"),
        ("train", "1", "2", "train.1 is not a key"),
    ],
)
def test_a_bad_value_is_refused_alike_in_a_file_and_on_the_command_line(
    tmp_path: Path, section: str, key: str, value: str, said: str
) -> None:
    in_file = refusal(tmp_path, f"{section}:\n  {key}: {value}\n")
    assert said in in_file
    assert refusal(tmp_path, "", f"{section}.{key}={value}") == in_file


def test_a_section_that_is_no_section_is_refused(tmp_path: Path) -> None:
    assert "train is 3, but it should be a section of keys" in refusal(tmp_path, "train: 3\n")
    assert "train is not a section" in refusal(tmp_path, "train: 3\n", "train.kimg=1")
    assert "must hold sections such as `train:`; it holds a list" in refusal(tmp_path, "- train\n")


@pytest.mark.parametrize("override", ["kimg=3", "train.kimg", "a.b.c=1", ".kimg=1", "train.=1"])
def test_an_override_of_another_form_is_refused_with_an_example(tmp_path: Path, override: str) -> None:
    assert "must look like section.key=value, for example train.kimg=50" in refusal(tmp_path, "", override)


def test_overrides_win_over_the_file_and_later_ones_over_earlier_ones(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "train:\n  kimg: 5\n  seed: 3\n",
        *("train.kimg=6", "train.kimg=1e-3", "train.minutes=null", "attention.resolutions=[8, 16]"),
    )
    assert (config.train.kimg, config.train.seed, config.train.minutes) == (0.001, 3, None)
    assert config.attention.resolutions == (8, 16)


def test_yaml_that_is_broken_is_named_with_its_place(tmp_path: Path) -> None:
    assert "is not valid YAML" in refusal(tmp_path, "a: b: c\n")
    assert "'[' is not a YAML value" in refusal(tmp_path, "", "train.kimg=[")


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml does not exist; give the path of a configuration"):
        Config.load(tmp_path / "nowhere.yaml")
    with pytest.raises(UserError, match="is a folder; give the configuration file in it"):
        Config.load(tmp_path)


def test_a_configuration_cannot_be_changed_once_made() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().train.kimg = 3  # type: ignore[misc]


POSITIVE = st.floats(1e-6, 1e6)
TREES = st.fixed_dictionaries(
    {},
    optional={
        "data": st.fixed_dictionaries({"size": st.sampled_from([32, 64, 512]), "conditional": st.booleans()}),
        "attention": st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["scaled_dot", "additive", "none"]),
                "resolutions": st.lists(st.sampled_from([4, 8, 16, 32, 64]), max_size=3),
            }
        ),
        "loss": st.fixed_dictionaries({"kind": st.sampled_from(["hinge", None]), "r1_gamma": POSITIVE}),
        "augment": st.fixed_dictionaries({"probability": st.floats(0, 1), "adaptive": st.booleans()}),
        "optimizer": st.fixed_dictionaries({"generator_lr": POSITIVE | st.none()}),
        "train": st.fixed_dictionaries({"kimg": POSITIVE, "minutes": POSITIVE | st.none(), "seed": st.integers(0, 99)}),
    },
)


@settings(deadline=None, max_examples=40)
@given(tree=TREES)
def test_a_configuration_read_back_is_the_same(tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    config = Config.from_tree(tree, "test")
    config.save(path)
    assert Config.load(path) == config
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {name: set(section) for name, section in written.items()} == {
        name: set(section) for name, section in Config().model_dump().items()
    }


def test_choices_written_into_the_schema_are_the_keys_of_their_tables() -> None:
    kinds = [set(get_args(one)) for one in get_args(get_type_hints(LossConfig)["kind"]) if get_args(one)]
    assert kinds == [set(LOSSES)]
    assert set(get_args(LossKind)) == set(LOSSES)
    assert AttentionConfig().kind in ATTENTION
    names = set(get_args(AugmentName))
    assert names >= set(GEOMETRIC)
    for name in names - set(GEOMETRIC):
        assert augmentations.draw(1, 8, (name,), 1.0, torch.Generator()), f"no augmentation is called {name}"
