"""What the numbers say, in sentences, and what they do not."""

from __future__ import annotations

from typing import Any

from medattngan.review.statistics.reads import Reads

Stats = dict[str, Any]


def notes(reads: Reads, stats: Stats) -> list[str]:
    """What a reader of the numbers must know about them: what is missing, and whom they speak for."""
    counts, said = stats["counts"], []
    if counts["readers"] == 1:
        said.append("There is one reader: intervals are over cases only and speak for this reader, not for readers.")
    elif counts["readers"] < 4:
        said.append(
            f"With {counts['readers']} readers, what is said of readers in general rests on few: intervals are wide."
        )
    for name in ("real", "synthetic"):
        if not counts[name]:
            said.append(
                f"No {name} slice was read: AUC, d′, balanced accuracy and the tests of pooled reads need both kinds."
            )
        elif counts[name] == 1:
            said.append(f"Only one {name} slice was read: the spread over {name} slices is unknown.")
    if counts["missing"]:
        said.append(
            f"{counts['missing']} of {counts['expected']} reads are missing; each figure is over the cases that a "
            "reader read. If slices were left out because they were hard, the figures flatter."
        )
    partial = [entry["reader"] for entry in stats["readers"] if min(entry["real"], entry["synthetic"]) < 2]
    if partial and min(counts["real"], counts["synthetic"]) > 1:
        said.append(f"Left out of what is pooled, for want of slices of one kind: {', '.join(partial)}.")
    if counts["real"] != counts["synthetic"] and counts["real"] and counts["synthetic"]:
        said.append(
            f"{counts['synthetic']} synthetic and {counts['real']} real slices: who always gives one answer is "
            "not right in half of them. Read balanced accuracy and AUC, for which guessing is 0.5."
        )
    if 1 < counts["patients"] < counts["real"]:
        said.append(
            f"The {counts['real']} real slices are of {counts['patients']} patients. Intervals allow for that; the "
            "tests against guessing do not, and take slices to be independent."
        )
    elif counts["patients"] == 1 < counts["real"]:
        said.append("All real slices are of one patient: how much patients differ cannot be told, nor any interval.")
    if reads.renamed:
        said.append("Readers' names were no pseudonyms; they are numbered here in the order of their names.")
    return said


def findings(stats: Stats) -> list[str]:
    """The results in the order that a paper would give them."""
    counts, pooled = stats["counts"], stats["pooled"]
    said = [
        f"{_count(counts['readers'], 'reader')} judged {_count(counts['cases'], 'slice')} ({counts['real']} real, "
        f"{counts['synthetic']} synthetic); {counts['cannot_tell']} of {counts['reads']} reads say cannot tell."
    ]
    for name, words in (("accuracy", "Right"), ("sensitivity", "Synthetic slices called synthetic")):
        if pooled[name]["value"] is not None:
            said.append(f"{words}: {percent(pooled[name])}.")
    if pooled["specificity"]["value"] is not None:
        said.append(f"Real slices called real: {percent(pooled['specificity'])}.")
    if pooled["auc"]["value"] is not None:
        said.append(f"AUC of the confidence: {_figure(pooled['auc'])}; 0.5 cannot tell them apart.")
    return [*said, *about_guessing(stats["guessing"]), *_agreement(stats), *_ratings(stats)]


def about_guessing(entry: Stats, reads: str = "reads, real and synthetic slices alike") -> list[str]:
    """Whether readers guessed, whether the study would have noticed if not, and what is ruled out of `reads`."""
    if entry["p_accuracy"] is None:
        needed = "pairs with the synthetic slice on either side" if reads == "pairs" else "real and synthetic slices"
        return [f"Whether the readers guessed cannot be tested: they must have read {needed}."]
    p = entry["p_accuracy"]
    shown = "< 0.001" if p < 0.001 else f"= {p:.3f}"
    if p <= entry["alpha"]:
        said = [f"These readers did not guess (p {shown}, permutation of the truth over the cases)."]
    else:
        said = [f"Guessing is not refuted (p {shown}). That is no proof that readers cannot tell."]
    if entry["power"] is not None:
        said.append(
            f"Had {entry['speaks_for']} been right in {entry['alternative']:.0%} of reads, such a study would "
            f"have noticed with probability {entry['power']:.0%}."
        )
    if entry["excluded"] is not None:
        low, high = entry["excluded"]["below"], entry["excluded"]["above"]
        said.append(
            f"Ruled out (two one-sided tests, each at {entry['alpha']:.0%}): that {entry['speaks_for']} would be right "
            f"in less than {low:.1%} or more than {high:.1%} of {reads}. The "
            f"distance from guessing is {100 * entry['excluded']['margin']:.1f} points at most, for all that is shown."
        )
    return said


def _agreement(stats: Stats) -> list[str]:
    entry = stats["agreement"]["fleiss"]["calls"]
    if entry["value"] is None:
        return [] if stats["counts"]["readers"] == 1 else [entry["note"]]
    return [f"Agreement of readers on real or synthetic, Fleiss' κ: {_figure(entry)}; habit alone gives 0."]


def _ratings(stats: Stats) -> list[str]:
    said = []
    for name, entry in stats["ratings"].items():
        if entry["cliffs_delta"]["value"] is not None:
            said.append(
                f"{name}: mean {entry['real']['mean']:.2f} for real and {entry['synthetic']['mean']:.2f} for synthetic "
                f"slices; Cliff's delta {_figure(entry['cliffs_delta'])}, above 0 if synthetic slices were given more."
            )
    return said


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percent(entry: Stats) -> str:
    """A share with its interval."""
    if entry["ci95"] is None:
        return f"{entry['value']:.1%}"
    low, high = entry["ci95"]
    return f"{entry['value']:.1%} (95 % interval {low:.1%} to {high:.1%})"


def _figure(entry: Stats) -> str:
    if entry["ci95"] is None:
        return f"{entry['value']:.2f} (no interval)"
    low, high = entry["ci95"]
    return f"{entry['value']:.2f} (95 % interval {low:.2f} to {high:.2f})"
