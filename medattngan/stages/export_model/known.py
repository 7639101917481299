"""All that is known of a trained generator, for cards and metadata. Nothing of any patient."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medattngan.conditions.labels import Label
from medattngan.core.files import digest
from medattngan.core.privacy import LIMITS, promised
from medattngan.core.run import Run, numbers_of, weights_of
from medattngan.metrics.table import DIRECTIONS
from medattngan.stages.audit.sentences import summary
from medattngan.stages.export_model.evidence import Evidence
from medattngan.stages.export_model.portable import Portable, Told
from medattngan.stages.report.card import NOT_STATED, Card

KIND = {"MR": "MRI", "CT": "CT", "CR": "radiograph", "DX": "radiograph", "MG": "mammography", "US": "ultrasound"}


@dataclass(frozen=True)
class Known:
    """A checkpoint and what is known of it.

    Args:
        run: the training.
        checkpoint: one of its folders.
        network: its generator.
        evidence: what was measured of its slices.
        card: what its authors say.
    """

    run: Run
    checkpoint: Path
    network: Portable
    evidence: Evidence
    card: Card

    @property
    def weights(self) -> Path:
        """The averaged weights of the generator."""
        return weights_of(self.checkpoint)

    @property
    def training(self) -> dict[str, Any]:
        """How far training was at this checkpoint."""
        return numbers_of(self.checkpoint)

    @property
    def name(self) -> str:
        """A short name that is the same for the same weights: preset, size and eight digits of their digest."""
        return f"medattngan_{self.run.config.model.preset}_{self.network.size}_{digest(self.weights)[:8]}"

    @property
    def intensity(self) -> dict[str, Any]:
        """Map to physical units, modality, plane and spacing of the training slices."""
        return dict(self.run.store["intensity"])

    @property
    def modality(self) -> str:
        """DICOM's Modality (0008,0060), OT where it is not known."""
        return str(self.intensity.get("modality") or "OT")

    @property
    def spacing_mm(self) -> float | None:
        """Of the pixels, where all training slices had one."""
        spacing = self.intensity.get("spacing_mm")
        return None if spacing is None else float(spacing)

    @property
    def task(self) -> str:
        """In a few words."""
        words = ["synthetic", "" if self.plane == "acquired" else self.plane, KIND.get(self.modality, self.modality)]
        return f"Draws {' '.join(filter(None, words))} slices of {self.network.size} x {self.network.size} px"

    @property
    def plane(self) -> str:
        """axial, coronal, sagittal, or acquired where it is not known."""
        return str(self.intensity.get("plane") or "acquired")

    @property
    def description(self) -> str:
        """What it is, in two or three sentences."""
        store, shown = self.run.store, self.training["images"] / 1000
        return (
            f"A generative adversarial network (preset {self.run.config.model.preset} of medattngan, attention "
            f"{self.run.config.attention.kind}) that learned from {store['slices']} slices of {store['patients']} "
            f"patients, {shown:.0f} thousand images shown. What it draws is synthetic and shows "
            f"no patient; values are {self.network.intensity.unit}, from {self.network.intensity.lower:g} to "
            f"{self.network.intensity.upper:g}."
        )

    def usual(self, condition: Told) -> str:
        """A value to show in an example: the first label, the median of a number."""
        return "0" if isinstance(condition, Label) else f"{float(condition.at([0.5])[0])}"

    def inputs(self) -> list[tuple[str, str]]:
        """Each input by name, with what it means."""
        rows = [("z", f"{self.network.z_dim} numbers drawn from a standard normal distribution")]
        for one in self.network.conditions:
            if isinstance(one, Label):
                named = ", ".join(f"{place} {name}" for place, name in enumerate(one.names))
                rows.append((one.name, f"the place of the label: {named}"))
            else:
                rows.append((one.name, f"a number from {one.lower:g} to {one.upper:g}, in its own units"))
        return rows

    def findings(self) -> list[str]:
        """Scores with their intervals, and what the audit found, a sentence each."""
        said = []
        for name, entry in self.evidence.scores.items():
            low, high = entry["ci95"]
            floor = "not known" if entry["floor"] is None else f"{entry['floor']:.4g}"
            said.append(
                f"{name}: {entry['value']:.4g} (95 % {low:.4g} to {high:.4g}; real against real patients "
                f"{floor}; {DIRECTIONS[entry['better']]}; {entry['n_fake']} synthetic slices)"
            )
        if not said:
            said.append("Its slices were not scored.")
        if "privacy" in self.training:
            said.append(f"Trained with differential privacy for {promised(self.training['privacy'])}. {LIMITS}")
        said += summary(self.evidence.audit) if self.evidence.audit else ["It was not audited for copies of patients."]
        return said

    @property
    def licence(self) -> str:
        """As the authors state it."""
        return self.card.licence

    @property
    def is_licensed(self) -> bool:
        """Whether anything was stated."""
        return self.card.licence != NOT_STATED
