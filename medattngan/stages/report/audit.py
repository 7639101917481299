"""What the audit found, in sentences, a table of its controls and the closest pairs."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from medattngan.core.files import read_json
from medattngan.stages.audit.sentences import MEASURED
from medattngan.stages.audit.volumes import volume_sentences
from medattngan.stages.report.numbers import number, percent
from medattngan.stages.report.pictures import data_uri


def audit_block(folder: Path) -> str:
    """The section on copying."""
    audit = read_json(folder / "audit.json")
    flagged, reproduced, calibration = audit["flagged"], audit["patients_reproduced"], audit["calibration"]
    rate = percent(calibration["false_positives"])
    sentences = [
        f"{flagged['count']} of {audit['counts']['samples']} synthetic slices ({_share(flagged)}) were flagged as "
        f"copies of a training slice. Of held-out real slices, {rate} would be; {_measured(calibration)}.",
        f"{reproduced['count']} of {audit['counts']['training_patients']} training patients ({_share(reproduced)}) are "
        f"nearest to a flagged slice; {_instead(reproduced['floor'])}.",
        *volume_sentences(audit),
        *_statistics(audit),
    ]
    left_out = "export leaves flagged volumes out whole" if "volumes" in audit else "export leaves them out"
    met = "All kinds were found often enough" if audit["controls_met"] else "NOT ALL WERE FOUND OFTEN ENOUGH"
    gallery = data_uri("image/png", (folder / "gallery.png").read_bytes())
    return "".join(
        [
            *(f"<p>{escape(sentence)}</p>" for sentence in sentences),
            f"<p>Positive control: copies of training slices were planted and searched for in the same way. {met}.</p>",
            _controls(audit["controls"]),
            f'<figure class="wide"><img src="{gallery}" alt="The closest pairs of a synthetic and a training slice">',
            "<figcaption>The closest pairs: synthetic on the left, the nearest training slice on the right. Those "
            f"below 1 are flagged; {left_out}.</figcaption></figure>",
        ]
    )


def _share(entry: Mapping[str, Any]) -> str:
    low, high = entry["ci95"]
    return f"{percent(entry['share'])}, 95 % interval {percent(low)} to {percent(high)}"


def _measured(calibration: Mapping[str, Any]) -> str:
    found = [f"{percent(entry['value'])} {MEASURED[name]}" for name, entry in calibration["measured"].items()]
    return f"measured: {', '.join(found)}" if found else "that was not measured, with so few held-out slices"


def _instead(floor: float | None) -> str:
    if floor is None:
        return "with held-out real slices instead, it is not known how many would be"
    return f"with held-out real slices instead, {percent(floor)} would be"


def _statistics(audit: Mapping[str, Any]) -> list[str]:
    sentences = []
    copying, authenticity, membership = audit["data_copying"], audit["authenticity"], audit["membership_inference"]
    if "c_t" in copying:
        low, high = copying["ci95"]
        sentences.append(
            f"Data-copying statistic C_T {number(copying['c_t'])} (95 % interval {number(low)} to {number(high)}"
            f"{_floor(copying['floor'], '')}): far below the real slices, synthetic ones would lie too near to the "
            "training slices."
        )
    sentences.append(
        f"Authentic by AuthPct: {number(authenticity['auth_pct'])} %{_floor(authenticity['floor'], ' %')}."
    )
    if "auc" in membership:
        low, high = membership["ci95"]
        sentences.append(
            f"Membership inference by the discriminator: AUC {number(membership['auc'])} (95 % interval "
            f"{number(low)} to {number(high)}); 0.5 is chance, 1 identifies every training slice."
        )
    else:
        sentences.append(f"Membership inference was not measured: {membership['not_measured']}.")
    return sentences


def _floor(value: float | None, unit: str) -> str:
    return "" if value is None else f"; held-out real slices: {number(value)}{unit}"


def _controls(controls: Mapping[str, Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(kind)}</th><td>{percent(entry["recall"])}</td><td>{percent(entry["bar"])}</td>'
        f"<td>{'met' if entry['met'] else 'NOT MET'}</td></tr>"
        for kind, entry in controls.items()
    )
    head = "<thead><tr><th>copies</th><th>found</th><th>must be</th><th></th></tr></thead>"
    return f'<table class="narrow"><caption>Planted copies</caption>{head}<tbody>{rows}</tbody></table>'
