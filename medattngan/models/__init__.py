"""Every system we can train, one file each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from medattngan.config import Config
from medattngan.files import UserError
from medattngan.models import compact, dcgan
from medattngan.models.gan import Gan, Objective, Shape

PRESETS: dict[str, Callable[[Shape], Gan]] = {
    "compact": compact.build,
    "dcgan": dcgan.build,
}
"""Presets by the name a configuration gives them."""


def build(config: Config, classes: int = 0) -> Gan:
    """Make the networks of a configuration, with its own settings in place of the preset's.

    Args:
        classes: number of labels to condition on, 0 for none.

    Raises:
        UserError: there is no such preset, or it cannot be made this way.
    """
    model, attention = config.model, config.attention
    if model.preset not in PRESETS:
        raise UserError(f"model.preset is {model.preset!r}, but there are only: {', '.join(sorted(PRESETS))}.")
    shape = Shape(
        size=config.data.size,
        classes=classes,
        z_dim=model.z_dim,
        generator_width=model.generator_width,
        discriminator_width=model.discriminator_width,
        attention=attention.kind,
        attention_resolutions=attention.resolutions,
        attention_options={"heads": attention.heads} if attention.kind == "multi_head" else {},
    )
    gan = PRESETS[model.preset](shape)
    return replace(gan, objective=_override(gan.objective, config))


def _override(objective: Objective, config: Config) -> Objective:
    """The preset's settings, but for those the configuration gives."""
    given = {**config.loss.model_dump(), **config.optimizer.model_dump(), "batch_size": config.train.batch_size}
    return replace(objective, **{key: value for key, value in given.items() if value is not None})


__all__ = ["PRESETS", "Gan", "Objective", "Shape", "build"]
