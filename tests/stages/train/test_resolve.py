"""What a run keeps of its configuration says every value that was used."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from helpers.captioned import text_config, text_system
from helpers.tiny import PLAIN, tiny, tiny_config

from medattngan.core.config import Config
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train.resolve import resolved
from medattngan.stages.train.train import train


def plain(preset: str) -> Config:
    return Config.from_tree({"data": {"size": 32}, "model": {"preset": preset}, "attention": {"resolutions": [8]}}, "t")


@pytest.mark.parametrize("preset", PLAIN)
def test_nothing_stays_null_but_what_has_no_limit(preset: str) -> None:
    config = plain(preset)
    tree = resolved(config, build(config), slices=10).model_dump()
    nulls = {f"{section}.{key}" for section, keys in tree.items() for key, value in keys.items() if value is None}
    nulls = {key for key in nulls if not key.startswith(("stack.", "private.", "model.flow"))}  # not theirs
    assert nulls <= {"train.checkpoint_steps", "attention.words", "model.pretrain_kimg"}  # none of these reads words


@pytest.mark.parametrize(("preset", "reads"), [("attngan", (8, 16)), ("compact_text", (16, 32))])
def test_what_a_preset_with_captions_reads_and_learns_first_is_said(preset: str, reads: tuple[int, ...]) -> None:
    config = text_config(preset)
    told = resolved(config, text_system(preset), slices=10)
    assert told.attention.words == reads
    assert told.model.pretrain_kimg == (20.0 if preset == "attngan" else None)


@pytest.mark.parametrize("preset", PLAIN)
def test_a_resolved_configuration_makes_the_same_system(preset: str) -> None:
    config = plain(preset)
    system = build(config)
    again = build(resolved(config, system, slices=10))
    assert (again.game, again.rates, again.betas) == (system.game, system.rates, system.betas)
    assert (again.batch_size, again.z_dim, again.policy) == (system.batch_size, system.z_dim, system.policy)
    shapes = [{k: v.shape for k, v in net.state_dict().items()} for s in (system, again) for net in s.networks.values()]
    assert shapes[: len(shapes) // 2] == shapes[len(shapes) // 2 :]


def test_what_the_user_chose_is_kept() -> None:
    config = tiny_config(loss={"r1_gamma": 7.0}, augment={"policy": ["flip"]}, optimizer={"beta1": 0.3})
    kept = resolved(config, build(config), slices=10)
    assert (kept.loss.r1_gamma, kept.augment.policy, kept.optimizer.beta1) == (7.0, ("flip",), 0.3)


def test_augmentation_is_adaptive_where_slices_are_scarce_and_says_so() -> None:
    config = tiny_config()
    system = tiny()
    assert [resolved(config, system, count).augment.adaptive for count in (1999, 2000)] == [True, False]


def test_a_run_says_what_it_used_and_resumes_from_either(tiny_store: SliceStore, tmp_path: Path) -> None:
    config = tiny_config(train={"kimg": 0.016, "minutes": None, "validate_minutes": None})
    run = train(config, tiny_store, tmp_path / "run", progress=False)
    told = yaml.safe_load((run.path / "config.yaml").read_text())
    assert told["loss"]["kind"] == "relativistic"
    assert told["train"]["batch_size"] == 8
    for again in (config, Run.open(run.path).config):
        longer = again.model_copy(update={"train": again.train.model_copy(update={"kimg": 0.032})})
        train(longer, tiny_store, tmp_path / "run", resume=True, progress=False)
    assert Run.open(run.path).checkpoint("last").name == "step-000000004"
