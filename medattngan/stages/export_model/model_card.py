"""The model card that goes with the weights: what is known, filled in; what is not, said to be so.

Mitchell et al. 2019, arXiv:1810.03993; its front matter is the Hugging Face Hub's
(https://huggingface.co/docs/hub/model-cards), which other readers of Markdown skip.
"""

from __future__ import annotations

import yaml

from medattngan.core.version import __version__
from medattngan.stages.export_model.known import Known
from medattngan.stages.report.card import HEADINGS

LICENCES = (
    "apache-2.0",
    "mit",
    "cc0-1.0",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-sa-3.0",
    "cc-by-3.0",
)
"""Those that the Hub knows by these names and that data and weights are likely to have."""


def hub_licence(text: str) -> str:
    """A licence as the Hub names it, `other` where it has no name for it.

    >>> hub_licence("CC BY-SA 4.0"), hub_licence("Ask our hospital.")
    ('cc-by-sa-4.0', 'other')
    """
    name = "-".join(text.strip().rstrip(".").lower().replace("-", " ").split())
    return name if name in LICENCES else "other"


def model_card(known: Known, use: str) -> str:
    """Markdown.

    Args:
        use: how the folder is used, a block of code and what must be said of it.
    """
    parts = [f"# {known.name}", f"{known.task}. {known.description}", "## Use", use, "## Inputs", _table(known)]
    parts += ["## How good, and how safe", "\n".join(f"- {finding}" for finding in known.findings())]
    for key, heading in HEADINGS.items():
        parts += [f"## {heading}", str(getattr(known.card, key))]
    parts += ["## Training", _training(known)]
    return "\n\n".join(parts) + "\n"


def front_matter(known: Known) -> str:
    """What the Hub reads of a card."""
    tags = ["medattngan", "medical-imaging", "synthetic", "gan", known.modality.lower()]
    held = {
        "license": hub_licence(known.licence),
        "library_name": "medattngan",
        "pipeline_tag": "unconditional-image-generation",
        "tags": tags,
    }
    if held["license"] == "other" and known.is_licensed:
        held |= {"license_name": "stated-below"}
    return f"---\n{yaml.safe_dump(held, sort_keys=False, allow_unicode=True)}---\n\n"


def _table(known: Known) -> str:
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in known.inputs())
    return f"| input | what it is |\n|---|---|\n{rows}"


def _training(known: Known) -> str:
    config, store = known.run.config, known.run.store
    began = store.get("began_from")
    whence = "" if began is None else f" Begun from {began['name']} (`{began['generator_sha256'][:16]}`)."
    return (
        f"Preset `{config.model.preset}`, seed {config.train.seed}, {config.train.precision}, batches of "
        f"{config.train.batch_size}; {store['slices']} slices of {store['patients']} patients, of the store "
        f"`{store['digest'][:16]}`. Written by medattngan {__version__} from the checkpoint `{known.checkpoint.name}`."
        f"{whence}"
    )
