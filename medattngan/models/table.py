"""Every preset by name, and how a configuration becomes a system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

from torch import nn

from medattngan.attention import all_attention
from medattngan.conditions.condition import Condition
from medattngan.conditions.words import SIDES
from medattngan.core.config import AttentionConfig, Config
from medattngan.core.files import UserError
from medattngan.core.plugins import with_plugins
from medattngan.games.game import System
from medattngan.games.latent_flow import LatentFlowGame
from medattngan.games.schedule import GAMMA_RULES, R3GAN_END
from medattngan.models.attention_generator import build as build_attention_generator
from medattngan.models.attngan import build as build_attngan
from medattngan.models.compact_text import build as build_compact_text
from medattngan.models.dcgan import build as build_dcgan
from medattngan.models.large import build as build_large
from medattngan.models.latent_flow import build as build_latent_flow
from medattngan.models.masked import build as build_compact
from medattngan.models.private import private_system, require_private
from medattngan.models.sagan import build as build_sagan
from medattngan.models.shape import Shape
from medattngan.models.stack import build as build_stack
from medattngan.models.vae_gan import build as build_vae_gan

PRESETS: dict[str, Callable[[Shape], System]] = {
    "attention_generator": build_attention_generator,
    "attngan": build_attngan,
    "compact": build_compact,
    "compact_text": build_compact_text,
    "dcgan": build_dcgan,
    "latent_flow": build_latent_flow,
    "large": build_large,
    "sagan": build_sagan,
    "stack": build_stack,
    "vae_gan": build_vae_gan,
}
"""Presets by the name a configuration gives them."""


def build(config: Config, conditions: Sequence[Condition] = ()) -> System:
    """Make the networks of a configuration, with its own settings in place of the preset's.

    Args:
        conditions: what the networks are to be told of each slice.

    Raises:
        UserError: there is no such preset, or it cannot be made this way.
    """
    model, attention, presets = config.model, config.attention, all_presets()
    if model.preset not in presets:
        raise UserError(f"model.preset is {model.preset!r}, but there are only: {', '.join(sorted(presets))}.")
    if attention.kind not in all_attention():
        known = ", ".join(sorted(all_attention()))
        raise UserError(f"attention.kind is {attention.kind!r}, but there are only: {known}.")
    is_private = config.private.epsilon is not None
    if is_private:
        require_private(config, conditions)
    shape = shape_of(config, conditions)
    system = presets[model.preset](shape)
    _require_attention(system.networks.values(), config)
    system = _override(system, config)
    _require_sides(system.policy, shape)
    _require_words(system, config)
    _require_stacks(system, config)
    _require_parts(system, config)
    return private_system(system, config) if is_private else system


def shape_of(config: Config, conditions: Sequence[Condition] = ()) -> Shape:
    """What the preset of a configuration is told, `conditions` being what its networks are told of each slice."""
    model, attention = config.model, config.attention
    return Shape(
        size=config.data.size,
        conditions=tuple(conditions),
        z_dim=model.z_dim,
        generator_width=model.generator_width,
        discriminator_width=model.discriminator_width,
        attention=attention.kind,
        attention_resolutions=attention.resolutions,
        attention_options=_options(attention),
        words=attention.words,
        pretrain_kimg=model.pretrain_kimg,
        stack=config.stack,
        alone=config.private.epsilon is not None,
        flow=model.flow,
        excitation=model.excitation,
        rebuilding=config.loss.rebuild > 0,
    )


def all_presets() -> dict[str, Callable[[Shape], System]]:
    """`PRESETS` and what installed packages add to it, by the entry points `medattngan.presets`."""
    return with_plugins(PRESETS, "medattngan.presets")


def _options(attention: AttentionConfig) -> Mapping[str, int]:
    """What a configuration says to an attention: how many heads or tokens, if it has any."""
    takes = signature(all_attention()[attention.kind]).parameters
    return {name: int(getattr(attention, name)) for name in ("heads", "tokens") if name in takes}


def _require_attention(networks: Iterable[nn.Module], config: Config) -> None:
    """Refuse an attention that was asked for and is nowhere: it would be missed in the results only.

    Raises:
        UserError: no map has a height asked for.
    """
    wanted, size, preset = config.attention.resolutions, config.data.size, config.model.preset
    layers = [layer for network in networks for layer in network.modules()]
    attends = tuple(all_attention().values())
    heights = [2**n for n in range(3, size.bit_length() - 1)]
    there = any(type(layer) in attends for layer in layers)
    if wanted and not (there and min(wanted) >= min(heights) and max(wanted) <= size):
        raise UserError(
            f"attention.resolutions is {list(wanted)}, but no maps of model.preset={preset} are so high "
            f"with data.size={size}; choose among {heights}, or [] for no attention."
        )


def _require_words(system: System, config: Config) -> None:
    """Refuse settings of captions with a preset that reads none: they would be missed in the results only.

    Raises:
        UserError: naming the key.
    """
    preset = config.model.preset
    if config.attention.words and not hasattr(system.networks[system.generator], "reads"):
        raise UserError(f"attention.words is set, but model.preset={preset} reads no captions; take it out.")
    if config.model.pretrain_kimg is not None and not hasattr(system.game, "pretrain_images"):
        raise UserError(
            f"model.pretrain_kimg is set, but model.preset={preset} trains nothing beforehand; take it out."
        )


def _require_stacks(system: System, config: Config) -> None:
    """Refuse settings of stacks with a preset that draws slice by slice.

    Raises:
        UserError: naming the key.
    """
    given = [name for name, value in config.stack.model_dump().items() if value is not None]
    if given and system.depth == 1:
        preset = config.model.preset
        raise UserError(f"stack.{given[0]} is set, but model.preset={preset} draws slice by slice; take it out.")


def _require_parts(system: System, config: Config) -> None:
    """Refuse augmentation, flows and parts of FastGAN with a preset that has no place for them, or none at this size.

    Raises:
        UserError: naming the key.
    """
    preset, generator = config.model.preset, system.networks[system.generator]
    augment = config.augment
    asked = [name for name in ("policy", "probability", "adaptive") if getattr(augment, name)]
    if asked and not system.augments:
        raise UserError(f"augment.{asked[0]} is set, but model.preset={preset} augments nothing; take it out.")
    if config.model.flow is not None and not isinstance(system.game, LatentFlowGame):
        raise UserError(f"model.flow is set, but model.preset={preset} has no flow; take it out, or use latent_flow.")
    if config.model.excitation and not getattr(generator, "excitations", ()):
        raise UserError(
            f"model.excitation is set, but model.preset={preset} has no maps for it with data.size={config.data.size}; "
            "take it out, or use compact or large at 64 px or more."
        )
    judge = None if system.discriminator is None else system.networks[system.discriminator]
    if config.loss.rebuild > 0 and getattr(judge, "rebuild", None) is None:
        raise UserError(
            f"loss.rebuild is set, but the discriminator of model.preset={preset} draws nothing; take it out, or use "
            "compact or large."
        )


def _require_sides(policy: Sequence[str], shape: Shape) -> None:
    """Refuse mirror images of slices whose captions say `left` or `right`.

    Raises:
        UserError: augmentation would make them untrue.
    """
    if "flip" in policy and shape.text is not None and (said := set(SIDES) & set(shape.text.vocabulary)):
        raise UserError(
            f"augment.policy has flip, but captions say {sorted(said)[0]}, which a mirror image makes wrong; "
            "take flip out of augment.policy."
        )


def _loss(config: Config, batch_size: int) -> dict[str, Any]:
    """What a configuration says of the losses, a rule for the penalties' weight as its number.

    Raises:
        UserError: it has a rule and a number.
    """
    said = {key: value for key, value in config.loss.model_dump().items() if value is not None}
    rule = said.pop("gamma_rule")
    if said["rebuild"] == 0:
        del said["rebuild"]
    if rule == "given":
        return said
    if twice := [key for key in ("r1_gamma", "r2_gamma") if key in said]:
        raise UserError(f"loss.gamma_rule is {rule} and loss.{twice[0]} is set, too; take one of them out.")
    gamma = GAMMA_RULES[rule](config.data.size, batch_size)
    annealed = {"gamma_end": R3GAN_END} if rule == "r3gan" else {}
    return {**annealed, **said, "r1_gamma": gamma, "r2_gamma": gamma}


def _override(system: System, config: Config) -> System:
    """The preset's settings, but for those the configuration gives.

    Raises:
        UserError: it gives one that the system has no place for.
    """
    batch_size = config.train.batch_size or system.batch_size
    loss = _loss(config, batch_size)
    optimizer = config.optimizer
    given = {"generator": optimizer.generator_lr, "discriminator": optimizer.discriminator_lr}
    rates = {name: rate for name, rate in given.items() if rate is not None}
    judges = getattr(system.game, "judges", ())
    for name in rates:
        if name not in system.rates and not (name == "discriminator" and judges):
            raise UserError(f"optimizer.{name}_lr is set, but model.preset={config.model.preset} trains no {name}.")
    if "discriminator" in rates:  # where there are several, all are meant
        rates |= dict.fromkeys(judges, rates["discriminator"])
        rates = {name: rate for name, rate in rates.items() if name in system.rates}
    betas = tuple(
        own if wanted is None else wanted
        for own, wanted in zip(system.betas, (optimizer.beta1, optimizer.beta2), strict=True)
    )
    return replace(
        system,
        game=system.game.override(loss) if loss else system.game,
        rates={**system.rates, **rates},
        betas=(betas[0], betas[1]),
        rate_end=system.rate_end if optimizer.lr_end is None else optimizer.lr_end,
        beta2_end=system.beta2_end if optimizer.beta2_end is None else optimizer.beta2_end,
        batch_size=batch_size,
        policy=system.policy if config.augment.policy is None else config.augment.policy,
    )
