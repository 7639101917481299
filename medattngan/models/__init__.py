"""Every system we can train, one file each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from medattngan.attention import ATTENTION
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.games.objective import Objective
from medattngan.models.attention_generator import build as build_attention_generator
from medattngan.models.compact import build as build_compact
from medattngan.models.dcgan import build as build_dcgan
from medattngan.models.gan import Gan, Shape
from medattngan.models.sagan import build as build_sagan

PRESETS: dict[str, Callable[[Shape], Gan]] = {
    "compact": build_compact,
    "dcgan": build_dcgan,
    "sagan": build_sagan,
    "attention_generator": build_attention_generator,
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
        conditions=len(config.data.conditions),
        z_dim=model.z_dim,
        generator_width=model.generator_width,
        discriminator_width=model.discriminator_width,
        attention=attention.kind,
        attention_resolutions=attention.resolutions,
        attention_options={"heads": attention.heads} if attention.kind == "multi_head" else {},
    )
    gan = PRESETS[model.preset](shape)
    _require_attention(gan, config)
    return replace(gan, objective=_override(gan.objective, config))


def _require_attention(gan: Gan, config: Config) -> None:
    """Refuse an attention that was asked for and is nowhere: it would be missed in the results only.

    Raises:
        UserError: no map has a height asked for.
    """
    wanted, size, preset = config.attention.resolutions, config.data.size, config.model.preset
    layers = [*gan.generator.modules(), *gan.discriminator.modules()]
    if wanted and (max(wanted) > size or not any(type(layer) in ATTENTION.values() for layer in layers)):
        heights = [2**n for n in range(3, size.bit_length() - 1)]
        raise UserError(
            f"attention.resolutions is {list(wanted)}, but no maps of model.preset={preset} are so high "
            f"with data.size={size}; choose among {heights}, or [] for no attention."
        )


def _override(objective: Objective, config: Config) -> Objective:
    """The preset's settings, but for those the configuration gives."""
    given = {
        **config.loss.model_dump(),
        **config.optimizer.model_dump(),
        "batch_size": config.train.batch_size,
    }
    return replace(objective, **{key: value for key, value in given.items() if value is not None})


__all__ = ["PRESETS", "Gan", "Objective", "Shape", "build"]
