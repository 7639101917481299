"""The networks of a system set up on their devices, and one round of their game.

What is random is drawn before a round from seed and step, so that a resumed training repeats what a killed one did.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from medattngan.augment.adaptive import adjust
from medattngan.conditions.table import encoded, spread
from medattngan.core.config import Config
from medattngan.core.types import Images
from medattngan.data.batches import Batches, derived_seed
from medattngan.games.game import Batch, Draws, Round, System, Terms
from medattngan.stages.sample.sample import generate, latents
from medattngan.stages.train.checkpoint import Progress, State
from medattngan.stages.train.gates import gate_names, gate_shares
from medattngan.stages.train.ranks import Ranks
from medattngan.stages.train.resolve import is_adaptive


class Player:
    """A network as a game meets it; see `medattngan.games.game.Network`."""

    def __init__(self, fabric: Fabric, network: nn.Module) -> None:
        self.fabric, self.network = fabric, network

    def __call__(self, *inputs: Any) -> Any:
        return self.network(*inputs)

    def bare(self, *inputs: Any, twice: bool = False) -> Tensor:
        """Past Fabric's wrapper, which under mixed precision refuses the gradient penalties' autograd.grad; and with
        `twice` in float32, past what train.compile made of the network, which cannot be differentiated twice:
        `forward` can."""
        network = cast(nn.Module, self.network.module)
        with nullcontext() if twice else self.fabric.autocast():
            return cast(Tensor, (network.forward if twice else network)(*inputs)).float()


class Players:
    """The networks, their optimisers and the rules.

    Args:
        system: the networks and the game.
        batches: real images by step.
        ranks: the processes that share each batch, launched; this one alone where there are none.
    """

    def __init__(self, config: Config, system: System, batches: Batches, ranks: Ranks | None = None) -> None:
        self.config, self.system, self.batches = config, system, batches
        self.adaptive = is_adaptive(config, len(batches.store))
        self.ranks = ranks or Ranks(config.train)
        self.fabric = self.ranks.fabric
        self.state = self._set_up()
        self.players = {name: Player(self.fabric, network) for name, network in self.state.networks.items()}
        self.gates = gate_names(self.state)
        # Listed once: walking through the modules at every phase took a hundredth of a round.
        self._parameters = {name: list(network.parameters()) for name, network in self.state.networks.items()}
        # Those that a checkpoint keeps; the others are constants.
        kept = [one for network in self.state.networks.values() for one in network.state_dict(keep_vars=True).values()]
        self._buffers = [tensor for tensor in kept if not isinstance(tensor, nn.Parameter)]
        self._only(self.state.optimizers)

    def _set_up(self) -> State:
        """Move the networks to the device and give them optimisers."""
        options, system = self.config.train, self.system
        layout = torch.channels_last if options.channels_last else torch.contiguous_format
        averaged, networks, optimizers = {}, {}, {}
        for name in system.averaged:
            twin = copy.deepcopy(system.networks[name]).requires_grad_(False).eval()
            averaged[name] = self.fabric.to_device(twin.to(memory_format=layout))  # type: ignore[call-overload]
        for name, network in system.networks.items():
            network.to(memory_format=layout)  # type: ignore[call-overload]
            if options.compile:
                network.compile()
            player = networks[name] = self.fabric.setup_module(network)
            if name in system.rates:
                # On a CPU the fused step reads and writes each number once; foreach is a loop over eight operations.
                way = {"fused": True} if self.fabric.device.type == "cpu" else {"foreach": True}
                adam = torch.optim.Adam(player.parameters(), lr=system.rates[name], betas=system.betas, **way)
                optimizers[name] = cast(Optimizer, self.fabric.setup_optimizers(adam))
        numbers = Progress(augment_probability=self.config.augment.probability or 0.0)
        return State(dict(networks), averaged, optimizers, numbers, system.generator)

    def play(self, budget_spent: float) -> Terms:
        """One round; returns every loss term and a few numbers to watch, the means of all processes, without graph.

        Args:
            budget_spent: share of the budget, 0 to 1, for the learning rates.
        """
        numbers, seed = self.state.progress, self.config.train.seed
        count = self.batches.batch_size
        torch.manual_seed(derived_seed(seed, numbers.step, 0, *([self.ranks.number] if self.ranks.number else [])))
        source = torch.Generator().manual_seed(derived_seed(seed, numbers.step, 1))
        batch = Batch(*self.fabric.to_device(self.batches(numbers.step, self.ranks.share(count))))
        now = Round(numbers.step, count, self.batches.size, self.system.policy, numbers.augment_probability)
        draws = self.fabric.to_device(self.ranks.rows(self.system.game.draw(now, source), count))
        self._set_learning_rates(budget_spent)
        logged = self.round(batch, draws)
        self.ranks.mean(list(logged.values()))
        self._count(count, logged)
        return logged

    def round(self, batch: Batch, draws: Draws) -> Terms:
        """Every phase of the game on one batch: all that is random comes in, and nothing waits for the device."""
        logged: Terms = {}
        for phase in self.system.game.phases(self.players, batch, draws):
            self._only(phase.players)
            terms = phase.terms()
            for name in phase.players:
                self.state.optimizers[name].zero_grad(set_to_none=True)
            self.fabric.backward(torch.stack(list(terms.values())).sum())
            moved = [p.grad for name in phase.players for p in self._parameters[name] if p.grad is not None]
            self.ranks.mean(moved)
            for name in phase.players:
                self.state.optimizers[name].step()
            logged |= {name: value.detach() for name, value in {**terms, **phase.watched()}.items()}
        self._only(self.state.optimizers)
        self.ranks.copy_first(self._buffers)  # batch statistics are of each process's own images
        return logged | {name: value.detach() for name, value in gate_shares(self.state).items()}

    def _only(self, players: Iterable[str]) -> None:
        """Let the parameters of these networks move and fix those of the others."""
        for name, parameters in self._parameters.items():
            for parameter in parameters:
                parameter.requires_grad_(name in players)

    def _count(self, batch: int, logged: Terms) -> None:
        """The averaged networks, ADA's control and the counters."""
        numbers, options = self.state.progress, self.config.train
        numbers.step += 1
        numbers.images += batch
        for name, twin in self.state.averaged.items():
            live = self.state.networks[name]
            update_ema(twin, live, numbers.images, batch, options.ema_kimg, options.ema_rampup)
        if self.adaptive and self.system.control in logged:
            sign, target = float(logged[self.system.control]), self.config.augment.target
            numbers.augment_probability = adjust(numbers.augment_probability, sign, target, batch)

    def _set_learning_rates(self, budget_spent: float) -> None:
        """The preset's rates, halved at each roll-back, falling to zero over the last `lr_decay` of the budget."""
        scale, decay = self.state.progress.lr_scale, self.config.train.lr_decay
        if decay > 0:
            scale *= min(1.0, max(0.0, (1 - budget_spent) / decay))
        for name, optimizer in self.state.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.system.rates[name] * scale

    def synthesize(self, count: int) -> Images:
        """The averaged generator's images of the run's fixed latents, (count, 1, H, W); labels take turns.

        Other conditions have values as often as the training slices.
        """
        seed, conditions = self.config.train.seed, self.batches.conditions
        z = self.fabric.to_device(latents(seed, 0, count, self.system.z_dim))
        told = self.fabric.to_device(encoded(conditions, spread(conditions, count, seed)))
        return generate(self.state.averaged[self.system.generator], z, told).cpu()


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
