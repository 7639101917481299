"""What `train auto` chooses: the same for the same store and kind of machine, and no more than was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.folders import CONFIG
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train.auto import MEASURED, MOST_PASSES, Machine, choose
from medattngan.stages.train.train import train

MANY = 10_472
ONE, TWO, GPU = Machine("cpu", 1), Machine("cpu", 2), Machine("cuda", 8, 80_000_000_000)
BRIEF = [
    "train.kimg=0.016", "train.validate_minutes=null", "model.generator_width=8", "model.discriminator_width=8",
]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "machine", "side", "batch", "minutes"),
    [
        (64, TWO, 64, 8, 40),  # the training of docs/benchmarks/compact.md
        (64, ONE, 64, 8, 60),
        (256, TWO, 64, 8, 40),  # nothing larger was measured on a CPU
        (48, TWO, 32, 8, 25),
        (256, GPU, 128, 64, 15),
        (64, GPU, 64, 8, 10),
        (32, GPU, 32, 8, 10),
        (64, Machine("mps", 8), 64, 8, 40),
    ],
)
def test_size_batch_and_minutes_follow_from_store_and_machine(
    size: int, machine: Machine, side: int, batch: int, minutes: float
) -> None:
    config = choose(size, MANY, machine).config
    assert (config.data.size, config.train.batch_size, config.train.minutes) == (side, batch, minutes)
    assert config.train.kimg == Config.load("compact").train.kimg


def test_a_card_with_little_free_memory_gets_smaller_batches() -> None:
    assert choose(128, MANY, Machine("cuda", 8, 1_500_000_000)).config.train.batch_size == 32


def test_few_slices_are_shown_so_often_and_no_more_and_the_audit_is_asked_for() -> None:
    chosen = choose(64, 100, TWO)
    assert chosen.config.train.kimg == MOST_PASSES * 100 // 1000
    assert "each would be shown 170 times, so audit the samples" in chosen.sentences[1]
    assert "audit" not in choose(64, MANY, TWO).sentences[1]


@pytest.mark.parametrize("machine", [ONE, TWO, GPU])
def test_it_is_said_in_two_sentences(machine: Machine) -> None:
    for sentence in choose(128, 300, machine).sentences:
        assert sentence.endswith(".")
        assert ". " not in sentence


def test_what_is_asked_for_goes_before_what_is_chosen() -> None:
    chosen = choose(64, MANY, TWO, ["train.minutes=5", "data.size=32"])
    assert (chosen.config.train.minutes, chosen.config.data.size) == (5, 32)
    assert "compact at 32 px, in batches of 8, for 5 minutes" in chosen.sentences[0]


def test_the_rest_is_chosen_for_what_was_asked_for_and_both_sentences_speak_of_it() -> None:
    on_cpu = choose(128, MANY, Machine("cuda", 2, 80_000_000_000), ["train.accelerator=cpu"])
    assert (on_cpu.config.data.size, on_cpu.config.train.batch_size, on_cpu.config.train.minutes) == (64, 8, 40)
    assert "2 threads should show about the 54 images a second" in on_cpu.sentences[1]
    assert choose(128, MANY, GPU, ["data.size=64"]).config.train.batch_size == 8
    assert choose(64, MANY, TWO, ["train.batch_size=32"]).config.train.minutes == 160


def test_the_shorter_of_images_and_minutes_is_what_is_said() -> None:
    assert "for 17 thousand images, 40 minutes at most" in choose(64, 100, TWO).sentences[0]
    longer = choose(64, 100, TWO, ["train.kimg=2000"])
    assert "for 40 minutes" in longer.sentences[0]
    assert "each would be shown 1296 times" in longer.sentences[1]


def test_slices_that_no_network_draws_are_refused() -> None:
    with pytest.raises(UserError, match="16 px, and the smallest networks draw 32"):
        choose(16, MANY, GPU)


@pytest.mark.parametrize("line", MEASURED, ids=lambda line: f"{line.device}-{line.size}-{line.threads}")
def test_every_line_of_the_table_names_a_page_that_has_its_rate_and_a_preset_that_builds(line: object) -> None:
    assert isinstance(line, type(MEASURED[0]))
    page = Path(__file__).parents[3] / "docs" / "benchmarks" / line.page
    assert f"{line.rate:,}" in page.read_text(encoding="utf-8")
    build(
        Config.load(line.preset, [f"data.size={line.size}", "model.generator_width=4", "model.discriminator_width=4"])
    )


def test_the_run_keeps_what_was_chosen_and_goes_on_with_it(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "here", classmethod(lambda cls: ONE))
    run = train("auto", tiny_store, tmp_path / "run", settings=BRIEF, progress=False)
    assert (run.config.data.size, run.config.train.minutes) == (32, 25)
    monkeypatch.setattr(Machine, "here", classmethod(lambda cls: GPU))  # resumed on another machine
    arguments = ["train", "auto", "--data", tiny_store.path, "-o", run.path, "--resume", "--set", "train.kimg=0.032"]
    result = CliRunner().invoke(app, [str(word) for word in arguments])
    assert result.exit_code == 0, result.output
    assert f"That is what {run.path} was begun with." in result.stderr
    again = Run.open(run.path)
    assert (again.config.train.minutes, again.checkpoint("last").name) == (25, "step-000000004")


def test_settings_beside_a_configuration_in_memory_are_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="change the Config itself"):
        train(Config.from_tree(CONFIG, "test"), tiny_store, tmp_path / "run", settings=["train.seed=1"])
