"""The two players set up on their device, and one round of their game.

First the critic moves, then the generator: Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1, one move each.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from medattngan.augment import augment
from medattngan.augment.adaptive import adjust
from medattngan.conditions.numbers import draw, standardised
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.data.batches import Batches, derived_seed
from medattngan.games.adversarial import Terms, discriminator_terms, generator_terms, penalties_due
from medattngan.models.gan import Gan
from medattngan.models.layers import GROUP
from medattngan.stages.sample.sample import generate, latents
from medattngan.stages.train.checkpoint import Progress, State
from medattngan.stages.train.gates import gate_names, gate_shares

SCARCE = 2000
"""Below so many slices the critic soon knows them by heart: augmentation is adaptive unless configured otherwise."""


class Game:
    """Two players, their optimisers and the rules.

    Args:
        gan: the networks and the objective.
        batches: real images by step.
    """

    def __init__(self, config: Config, gan: Gan, batches: Batches) -> None:
        self.config, self.objective, self.batches = config, gan.objective, batches
        self.z_dim = gan.z_dim
        self.joint = gan.joint and gan.objective.batch_size % GROUP == 0
        self.policy = gan.policy if config.augment.policy is None else config.augment.policy
        self.adaptive = config.augment.adaptive
        if self.adaptive is None:
            self.adaptive = config.augment.probability is None and len(batches.store) < SCARCE
        _require_accelerator(config.train.accelerator)
        self.fabric = Fabric(accelerator=config.train.accelerator, devices=1, precision=config.train.precision)
        self.state = self._set_up(gan)
        self.gates = gate_names(self.state)

    def _set_up(self, gan: Gan) -> State:
        """Move the networks to the device and give them optimisers."""
        options, objective = self.config.train, self.objective
        layout = torch.channels_last if options.channels_last else torch.contiguous_format
        averaged = copy.deepcopy(gan.generator).requires_grad_(False).eval()
        averaged.to(memory_format=layout)  # type: ignore[call-overload]
        players, optimizers = [], []
        for network, rate in (
            (gan.generator, objective.generator_lr),
            (gan.discriminator, objective.discriminator_lr),
        ):
            network.to(memory_format=layout)  # type: ignore[call-overload]
            if options.compile:
                network.compile()
            player = self.fabric.setup_module(network)
            betas = (objective.beta1, objective.beta2)
            adam = torch.optim.Adam(player.parameters(), lr=rate, betas=betas, foreach=True)
            players.append(player)
            optimizers.append(cast(Optimizer, self.fabric.setup_optimizers(adam)))
        numbers = Progress(augment_probability=self.config.augment.probability or 0.0)
        return State(players[0], players[1], self.fabric.to_device(averaged), optimizers[0], optimizers[1], numbers)

    def play(self, budget_spent: float) -> Terms:
        """One round; returns every loss term and a few numbers to watch, without graph.

        All that is random follows from seed and step, so that a resumed training repeats what a killed one did.

        Args:
            budget_spent: share of the budget, 0 to 1, for the learning rates.
        """
        state, numbers, seed = self.state, self.state.progress, self.config.train.seed
        torch.manual_seed(derived_seed(seed, numbers.step, 0))
        source = torch.Generator().manual_seed(derived_seed(seed, numbers.step, 1))
        real, label, values = self.fabric.to_device(self.batches(numbers.step))
        self._set_learning_rates(budget_spent)
        z = self.fabric.to_device(torch.randn(len(real), self.z_dim, generator=source))
        fake = state.generator(z, label, values)

        def seen(images: Images) -> Images:
            return augment(images, self.policy, numbers.augment_probability, source)

        def critic(images: Images, penalised: bool = False) -> Tensor:
            # Past Fabric's wrapper, which under mixed precision refuses the gradient penalties' autograd.grad; and past
            # what train.compile made of the network, which cannot be differentiated twice: `forward` itself can.
            network = cast(nn.Module, state.discriminator.module)
            sets = len(images) // len(real)
            told = (None if given is None else given.repeat(sets, *[1] * (given.ndim - 1)) for given in (label, values))
            with self.fabric.autocast():
                return cast(Tensor, (network.forward if penalised else network)(images, *told)).float()

        due = penalties_due(self.objective, numbers.step)
        mix = torch.rand(len(real), 1, 1, 1, generator=source).to(real) if due else None
        seen_real = seen(real)
        critic_terms, real_logits, fake_logits = discriminator_terms(
            partial(critic, penalised=due), self.objective, seen_real, seen(fake.detach()), mix, self.joint
        )
        self._descend(state.discriminator_optimizer, critic_terms)
        state.discriminator.requires_grad_(False)
        terms = generator_terms(critic, self.objective, seen_real, seen(fake))
        self._descend(state.generator_optimizer, terms)
        state.discriminator.requires_grad_(True)
        # The relativistic game sees differences only: there the synthetic images' mean stands for the logits' zero.
        zero = fake_logits.mean() if self.objective.kind == "relativistic" else 0.0
        watched = {
            "logits_real": real_logits.mean(),
            "logits_fake": fake_logits.mean(),
            "sign_real": (real_logits - zero).sign().mean(),
        }
        watched |= gate_shares(state)
        self._count(len(real), watched["sign_real"])
        return {name: value.detach() for name, value in {**critic_terms, **terms, **watched}.items()}

    def _descend(self, optimizer: Optimizer, terms: Terms) -> None:
        optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(torch.stack(list(terms.values())).sum())
        optimizer.step()

    def _count(self, batch: int, sign_real: Tensor) -> None:
        """The averaged generator, ADA's control and the counters."""
        numbers, options = self.state.progress, self.config.train
        numbers.step += 1
        numbers.images += batch
        update_ema(self.state.ema, self.state.generator, numbers.images, batch, options.ema_kimg, options.ema_rampup)
        if self.adaptive:
            target = self.config.augment.target
            numbers.augment_probability = adjust(numbers.augment_probability, float(sign_real), target, batch)

    def _set_learning_rates(self, budget_spent: float) -> None:
        """The preset's rates, halved at each roll-back, falling to zero over the last `lr_decay` of the budget."""
        scale, decay = self.state.progress.lr_scale, self.config.train.lr_decay
        if decay > 0:
            scale *= min(1.0, max(0.0, (1 - budget_spent) / decay))
        for optimizer, rate in (
            (self.state.generator_optimizer, self.objective.generator_lr),
            (self.state.discriminator_optimizer, self.objective.discriminator_lr),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale

    def synthesize(self, count: int) -> Images:
        """The averaged generator's images of the run's fixed latents, (count, 1, H, W); labels take turns.

        Values are those of the training slices, by their distribution.
        """
        z = self.fabric.to_device(latents(self.config.train.seed, 0, count, self.z_dim))
        label = None
        if self.batches.classes:
            label = self.fabric.to_device(torch.arange(count) % self.batches.classes)
        values, conditions = None, self.batches.conditions
        if conditions:
            drawn = standardised(conditions, draw(conditions, count, self.config.train.seed))
            values = self.fabric.to_device(torch.from_numpy(drawn))
        return generate(self.state.ema, z, label, values).cpu()


def _require_accelerator(name: str) -> None:
    """Refuse a device that is not there.

    Raises:
        UserError: naming the key.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name, True):
        raise UserError(f"train.accelerator is {name!r}, but PyTorch finds none here; set it to auto or cpu.")


@torch.no_grad()
def update_ema(ema: nn.Module, live: nn.Module, images: int, batch: int, half_life_kimg: float, rampup: float) -> None:
    """Move the averaged weights towards the live ones; buffers are copied (Karras et al. 2018, arXiv:1710.10196).

    The half-life is `half_life_kimg`, or `rampup` of the images shown so far where that is less.
    """
    half_life = max(min(half_life_kimg * 1000, images * rampup), 1e-8)
    keep = 0.5 ** (batch / half_life)
    torch._foreach_lerp_(list(ema.parameters()), list(live.parameters()), 1 - keep)
    for averaged, buffer in zip(ema.buffers(), live.buffers(), strict=True):
        averaged.copy_(buffer)
