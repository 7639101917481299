"""Two sentences for a reader in a hurry: can the slices be told from real ones, and was a patient copied?

What counts as "easily" is a convention: a score of less than half of what real slices of other patients reach. What
counts as a difference at all is not: the 95 % interval of the score does not reach that baseline.

Precision alone would be fooled. It counts a synthetic slice as real that lies within reach of any real one, and around
an odd real slice that reach is wide: a generator that draws one kind of blob near it passes for precise (Naeem et al.
2020, arXiv:2002.09797). So density, the same without that weakness, is heard too, and so are recall and distance
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medattngan.core.files import read_json
from medattngan.metrics.table import metric_of
from medattngan.stages.report.collect import Made
from medattngan.stages.report.numbers import number, percent

LITTLE = 0.5
"""Share of the baseline below which a score is called little."""
NAMED = [("precision", "precision"), ("recall", "recall"), ("fd", "Fréchet distance")]
"""What the sentence gives figures of, and by which words."""

Score = Mapping[str, Any]


def verdict(made: Made, readers: Mapping[str, Any] | None, subjects: str) -> list[str]:
    """The two sentences.

    Args:
        readers: stats.json of the reader study on these slices, where there is one.
        subjects: what to call those whom the real slices show.
    """
    scores = made.scores[0] if made.scores else {}
    audit = None if made.audit is None else read_json(made.audit / "audit.json")
    return [told_from_real(scores, readers, subjects), copied(audit)]


def told_from_real(scores: Mapping[str, Score], readers: Mapping[str, Any] | None, subjects: str) -> str:
    """How easily, by readers where there are any, then by precision, recall and the Fréchet distance.

    >>> told_from_real({"precision[x]": {"value": 0.05, "ci95": [0.03, 0.07], "floor": 0.82}}, None, "patients")
    'The synthetic slices are easily told from real ones: precision 0.050 against 0.820 between real patients.'
    """
    by_metric = {metric_of(name): score for name, score in reversed(list(scores.items()))}
    told, flattered = _grade(by_metric), _flattered(by_metric)
    names = [("density", "density"), *NAMED[1:]] if flattered else NAMED
    measured = [f"{words} {_against(by_metric[name])}" for name, words in names if name in by_metric]
    if measured:
        measured[0] += f" between real {subjects}"
    if flattered:
        measured[-1] += (
            f"; precision, {_against(by_metric['precision'])}, counts odd real slices as much as typical ones"
        )
    by_readers = _by_readers(readers)
    if not measured:
        return by_readers or "The synthetic slices were not scored: how near they come to real ones is not known."
    by_measure = f"The synthetic slices {told}: {', '.join(measured)}."
    if not by_readers:
        return by_measure
    return f"{by_readers.removesuffix('.')}; by measure, {by_measure[0].lower()}{by_measure[1:]}"


def _against(score: Score) -> str:
    return f"{number(score['value'])} against {number(score['floor'])}"


def _grade(scores: Mapping[str, Score]) -> str:
    """By precision and density, by the distance, and by recall where little of the variety is there."""
    if "precision" not in scores:
        return "were compared with real ones"
    fidelity, distance = [scores[name] for name in ("precision", "density") if name in scores], scores.get("fd")
    if any(map(_little, fidelity)) or _collapsed(scores):
        said = "are easily told from real ones"
    elif any(score["ci95"][1] < score["floor"] for score in fidelity) or (
        distance is not None and distance["ci95"][0] > distance["floor"]
    ):
        said = "can be told from real ones"
    else:
        said = "lie among real ones as other real slices do"
    if "recall" in scores and _little(scores["recall"]):
        said += " and show little of their variety"
    return said


def _little(score: Score) -> bool:
    return bool(score["value"] < LITTLE * score["floor"])


def _collapsed(scores: Mapping[str, Score]) -> bool:
    """Few kinds of slices, and far from the real ones: recall and the Fréchet distance are both poor."""
    if "recall" not in scores or "fd" not in scores:
        return False
    return _little(scores["recall"]) and bool(scores["fd"]["floor"] < LITTLE * scores["fd"]["value"])


def _flattered(scores: Mapping[str, Score]) -> bool:
    """Whether precision says that all is well with slices that are easily told."""
    if "precision" not in scores or _little(scores["precision"]):
        return False
    return ("density" in scores and _little(scores["density"])) or _collapsed(scores)


def _by_readers(stats: Mapping[str, Any] | None) -> str:
    if stats is None:
        return ""
    pairs = "pooled" not in stats
    entry, counts = stats["right"] if pairs else stats["pooled"]["accuracy"], stats["counts"]
    if entry["value"] is None:
        return ""
    ends = [percent(end) for end in entry["ci95"] or ()]
    interval = f" (95 % interval {' to '.join(ends)})" if ends else ""
    who = "One reader was" if counts["readers"] == 1 else f"{counts['readers']} readers were"
    of = "pairs" if pairs else "reads"
    return f"{who} right in {percent(entry['value'])} of {of}{interval}, where guessing is right in 50 %."


def copied(audit: Mapping[str, Any] | None) -> str:
    """Whether any slice is a copy of a training slice, as far as an audit can say.

    >>> copied(None)
    'Whether a patient was copied was not audited.'
    """
    if audit is None:
        return "Whether a patient was copied was not audited."
    if (volumes := audit.get("volumes")) is not None:
        flagged, count, whole = volumes["flagged"], f"{volumes['count']} volumes", "patient"
        allowed, real = volumes["false_positives_at_most"], "at most {} of volumes would be by chance"
    else:
        flagged, count, whole = audit["flagged"], str(audit["counts"]["samples"]), "slice"
        allowed, real = audit["calibration"]["false_positives"], "{} of held-out real slices would be"
    if not audit["controls_met"]:
        return (
            f"Whether a patient was copied is not known: the audit flagged {flagged['count']} of {count}, but missed "
            "too many of the copies that were planted to test it."
        )
    if not flagged["count"]:
        return f"No copies among {count}: the audit flagged none, and found the copies that were planted to test it."
    more, chance = "more" if flagged["ci95"][0] > allowed else "no more", real.format(percent(allowed))
    return f"{flagged['count']} of {count} were flagged as copies of a training {whole}, {more} than chance: {chance}."
