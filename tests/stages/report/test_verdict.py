"""Two sentences that keep to the numbers: no word is stronger than its interval and its baseline."""

from __future__ import annotations

from typing import Any

import pytest

from medattngan.stages.report.verdict import copied, told_from_real


def score(value: float, low: float, high: float, floor: float) -> dict[str, Any]:
    return {"value": value, "ci95": [low, high], "floor": floor}


@pytest.mark.parametrize(
    ("precision", "recall", "words"),
    [
        (score(0.05, 0.03, 0.07, 0.82), score(0.7, 0.6, 0.8, 0.8), "are easily told from real ones:"),
        (score(0.6, 0.5, 0.7, 0.82), score(0.7, 0.6, 0.8, 0.8), "can be told from real ones:"),
        (score(0.8, 0.7, 0.9, 0.82), score(0.7, 0.6, 0.8, 0.8), "lie among real ones as other real slices do:"),
        (score(0.9, 0.85, 0.95, 0.82), score(0.1, 0.0, 0.2, 0.8), "do and show little of their variety:"),
    ],
)
def test_how_easily_is_said_by_precision_and_its_baseline(
    precision: dict[str, Any], recall: dict[str, Any], words: str
) -> None:
    said = told_from_real({"precision[x]": precision, "recall[x]": recall}, None, "patients")
    assert words in said
    assert said.count(". ") == 0  # one sentence


def test_slices_of_one_odd_kind_are_not_taken_for_real_ones_by_their_precision() -> None:
    """Measured: after two minutes a generator drew one kind of blob, like the last slices of a skull."""
    scores = {
        "fd[x]": score(267, 265, 270, 24.2),
        "precision[x]": score(0.917, 0.068, 0.954, 0.705),
        "recall[x]": score(0.0, 0.0, 0.0, 0.914),
    }
    said = told_from_real(scores, None, "patients")
    assert said == (
        "The synthetic slices are easily told from real ones and show little of their variety: recall 0 against 0.914 "
        "between real patients, Fréchet distance 267 against 24.2; precision, 0.917 against 0.705, counts odd real "
        "slices as much as typical ones."
    )
    thin = {"precision[x]": score(0.8, 0.7, 0.9, 0.7), "density[x]": score(0.2, 0.1, 0.3, 0.43)}
    assert "easily told from real ones: density 0.200 against 0.430" in told_from_real(thin, None, "patients")


def test_a_distance_above_its_baseline_tells_the_slices_apart() -> None:
    scores = {"precision[x]": score(0.8, 0.7, 0.9, 0.82), "fd[x]": score(15, 13, 17, 9.9)}
    assert "can be told from real ones:" in told_from_real(scores, None, "patients")


def test_the_distance_is_said_and_without_scores_nothing_is() -> None:
    scores = {"precision[x]": score(0.05, 0.03, 0.07, 0.82), "fd[x]": score(154, 150, 160, 9.9)}
    assert told_from_real(scores, None, "patients").endswith(
        "precision 0.050 against 0.820 between real patients, Fréchet distance 154 against 9.90."
    )
    assert "not known" in told_from_real({}, None, "patients")


def test_readers_come_first() -> None:
    stats = {"pooled": {"accuracy": {"value": 0.52, "ci95": [0.45, 0.59]}}, "counts": {"readers": 3}}
    said = told_from_real({"precision[x]": score(0.8, 0.7, 0.9, 0.82)}, stats, "patients")
    assert said.startswith(
        "3 readers were right in 52 % of reads (95 % interval 45 % to 59 %), where guessing is right"
    )
    assert "; by measure, the synthetic slices lie among" in said
    assert told_from_real({}, stats, "patients").endswith("in 50 %.")


def audit(count: int, low: float, met: bool = True) -> dict[str, Any]:
    return {
        "flagged": {"count": count, "share": count / 200, "ci95": [low, 0.5]},
        "counts": {"samples": 200},
        "calibration": {"false_positives": 0.01},
        "controls_met": met,
    }


def test_no_copies_is_said_only_by_an_audit_that_finds_planted_ones() -> None:
    assert copied(audit(0, 0.0)).startswith("No copies among 200")
    assert "not known" in copied(audit(0, 0.0, met=False))
    assert copied(None) == "Whether a patient was copied was not audited."


def test_of_volumes_the_verdict_is_on_volumes() -> None:
    whole = {"count": 9, "flagged": {"count": 1, "share": 1 / 9, "ci95": [0.02, 0.4]}, "false_positives_at_most": 0.2}
    said = copied({**audit(9, 0.02), "volumes": whole})
    assert said.startswith(
        "1 of 9 volumes were flagged as copies of a training patient, no more than chance: at most 20 %"
    )
    none = {**whole, "flagged": {"count": 0, "share": 0.0, "ci95": [0.0, 0.3]}}
    assert copied({**audit(9, 0.02), "volumes": none}).startswith("No copies among 9 volumes")


def test_flagged_slices_are_held_against_chance() -> None:
    assert "3 of 200 were flagged as copies of a training slice, no more than chance: 1 % of" in copied(audit(3, 0.005))
    assert "9 of 200 were flagged as copies of a training slice, more than chance" in copied(audit(9, 0.02))


def test_readers_of_pairs_are_right_in_pairs() -> None:
    stats = {"right": {"value": 0.52, "ci95": [0.45, 0.59]}, "counts": {"readers": 3}}
    assert "right in 52 % of pairs (95 % interval 45 % to 59 %)" in told_from_real({}, stats, "patients")
