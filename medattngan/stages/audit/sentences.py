"""What an audit found, in sentences."""

from __future__ import annotations

from typing import Any

from medattngan.stages.audit.volumes import volume_sentences

MEASURED = {
    "leave_one_patient_out": "when each patient is left out in turn",
    "val": "of validation slices",
    "test": "of test slices",
}
"""How the share of held-out slices that are flagged was measured, by its key in audit.json."""
NOT_MEASURED = "False positives were not measured: without any one of them, held-out patients have too few slices."


def summary(report: dict[str, Any]) -> list[str]:
    """audit.json as a few sentences: the verdict first, then how far it can be trusted."""
    flagged, shown = report["flagged"], report["patients_reproduced"]
    calibration, counts = report["calibration"], report["counts"]
    allowed = calibration["false_positives"]
    missed = [
        f"{kind} {control['recall']:.1%} (bar {control['bar']:.0%})"
        for kind, control in report["controls"].items()
        if not control["met"]
    ]
    sentences = [*_sources(report)]
    sentences += [
        f"{flagged['count']} of {counts['samples']} samples ({_percent(flagged)}) lie nearer to a training patient "
        f"than held-out real slices do; by chance alone {allowed:.1%} would.",
        *volume_sentences(report),
        f"{shown['count']} of {counts['training_patients']} training patients ({_percent(shown)}) are nearest to a "
        f"flagged sample; {_instead(shown['floor'])}.",
        "Planted copies: all kinds were found often enough."
        if not missed
        else f"Planted copies were missed too often, so this audit proves little: {', '.join(missed)}.",
    ]
    measured = ", ".join(
        f"{rate['value']:.2%} ({rate['ci95'][0]:.2%} to {rate['ci95'][1]:.2%}) {MEASURED[name]}"
        for name, rate in calibration["measured"].items()
    )
    sentences.append(f"False positives: {measured}." if measured else NOT_MEASURED)
    return sentences + _statistics(report)


def _sources(report: dict[str, Any]) -> list[str]:
    """Of slices that were drawn from latents of patients: whose they are, first of all."""
    if (found := report.get("sources")) is None:
        return []
    told = f"These slices are not synthetic: they were drawn from latents of {found['patients']} patients"
    if found["nearest_is_source"] is None:
        return [f"{told}, none of whom the run was trained on."]
    near = found["nearest_is_source"]
    return [f"{told}; the nearest training slice is of the source itself for {near['count']} of {near['of']}."]


def _instead(floor: float | None) -> str:
    if floor is None:
        return "how many it would be with held-out real slices is not known"
    return f"with as many held-out real slices it would be {floor:.1%}"


def _percent(share: dict[str, Any]) -> str:
    low, high = share["ci95"]
    return f"{share['share']:.1%}, 95 % {low:.1%} to {high:.1%}"


def _statistics(report: dict[str, Any]) -> list[str]:
    copying, authenticity = report["data_copying"], report["authenticity"]
    membership = report["membership_inference"]
    sentences = []
    if "c_t" in copying:
        sentences.append(
            f"C_T {_with_floor(copying, 'c_t')}; far below that baseline, samples lie too near to training slices."
        )
    sentences.append(f"AuthPct {_with_floor(authenticity, 'auth_pct')}.")
    if "auc" in membership:
        low, high = membership["ci95"]
        sentences.append(
            f"The discriminator tells training from held-out patients with an AUC of {membership['auc']:.3f} "
            f"({low:.3f} to {high:.3f}); 0.5 is chance."
        )
    return sentences


def _with_floor(entry: dict[str, Any], key: str) -> str:
    low, high = entry["ci95"]
    floor = "not known" if entry["floor"] is None else f"{entry['floor']:.3g}"
    return f"{entry[key]:.3g} ({low:.3g} to {high:.3g}; held-out real slices: {floor})"
