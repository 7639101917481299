"""The networks of a system set up on their devices, and one round of their game.

What is random is drawn before a round from seed and step, so that a resumed training repeats what a killed one did.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from medattngan.conditions.table import Spread, draw
from medattngan.core.config import Config
from medattngan.core.types import Images
from medattngan.data.batches import Batches, derived_seed
from medattngan.data.resident import Slices, slices_on
from medattngan.games.game import DRAWN, Batch, Draws, Round, System, Terms
from medattngan.games.schedule import cosine
from medattngan.stages.sample.sample import generate, latents
from medattngan.stages.sample.volumes import draw_stacks
from medattngan.stages.train.adam import make_adam, set_beta2, set_rate
from medattngan.stages.train.averages import follow, share_taken
from medattngan.stages.train.checkpoint import Progress, State
from medattngan.stages.train.control import Control
from medattngan.stages.train.gates import gate_names, gate_shares
from medattngan.stages.train.graphs import Recorder, recorder_for
from medattngan.stages.train.ranks import Ranks
from medattngan.stages.train.recordings import Recordings
from medattngan.stages.train.resolve import is_adaptive


class Player:
    """A network as a game meets it; see `medattngan.games.game.Network`."""

    def __init__(self, fabric: Fabric, network: nn.Module) -> None:
        self.fabric, self.network = fabric, network

    @property
    def module(self) -> nn.Module:
        """Past Fabric's wrapper."""
        return cast(nn.Module, self.network.module)

    def __call__(self, *inputs: Any) -> Any:
        return self.network(*inputs)

    def bare(self, *inputs: Any, twice: bool = False) -> Tensor:
        """Past Fabric's wrapper, which under mixed precision refuses the gradient penalties' autograd.grad; and with
        `twice` in float32, past what train.compile made of the network, which cannot be differentiated twice:
        `forward` can."""
        with nullcontext() if twice else self.fabric.autocast():
            return cast(Tensor, (self.module.forward if twice else self.module)(*inputs)).float()


def _laid_out(network: nn.Module, layout: torch.memory_format) -> nn.Module:
    """`network.to(memory_format=layout)`, which refuses networks that have kernels of three dimensions, too."""
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.contiguous(memory_format=layout)
    return network


class Players:
    """The networks, their optimisers and the rules.

    Args:
        system: the networks and the game.
        batches: real images by step.
        ranks: the processes that share each batch, launched; this one alone where there are none.
        recorder: what records rounds, in place of what `train.graphs` says.
        say: is told where rounds are not recorded, and why.
        slices: where a round finds its real slices, in place of `batches`.
    """

    def __init__(
        self,
        config: Config,
        system: System,
        batches: Batches,
        ranks: Ranks | None = None,
        recorder: Recorder | None = None,
        say: Callable[[str], None] = lambda _: None,
        slices: Slices | None = None,
    ) -> None:
        self.config, self.system, self.batches = config, system, batches
        self.ranks = ranks or Ranks(config.train)
        self.fabric = self.ranks.fabric
        if recorder is None:
            recorder, reason = recorder_for(config.train, self.ranks, moves_beta2(system))
            if reason:
                say(reason)
        self.state = self._set_up(recorder is not None)
        self.players = {name: Player(self.fabric, network) for name, network in self.state.networks.items()}
        self.gates = gate_names(self.state)
        # Listed once: walking through the modules at every phase took a hundredth of a round.
        self._parameters = {name: list(network.parameters()) for name, network in self.state.networks.items()}
        # Those that a checkpoint keeps; the others are constants.
        kept = [one for network in self.state.networks.values() for one in network.state_dict(keep_vars=True).values()]
        self._buffers = [tensor for tensor in kept if not isinstance(tensor, nn.Parameter)]
        self._only(self.state.optimizers)
        self.slices = slices or slices_on(self.fabric.device, batches)
        adaptive = is_adaptive(config, system, len(batches.store))
        self.control = Control(self.state, system.control, config.augment.target) if adaptive else None
        self._rates: dict[str, float] = {}
        device, options = self.fabric.device, config.train
        self._share: float | Tensor = torch.zeros((), device=device) if recorder is not None else 0.0
        self._shares: dict[float, float | Tensor] = {
            half_life: torch.zeros((), device=device) if recorder is not None else 0.0
            for half_life in self.state.half_lives
            if half_life != options.ema_kimg
        }
        self.recordings = None
        if recorder is not None:
            required = config.train.graphs == "on"
            self.recordings = Recordings(recorder, self.whole_round, self.state, required, say)

    def _set_up(self, recorded: bool) -> State:
        """Move the networks to the device and give them optimisers."""
        options, system, device = self.config.train, self.system, self.fabric.device
        layout = torch.channels_last if options.channels_last else torch.contiguous_format
        averaged, networks, optimizers = {}, {}, {}
        for name in system.averaged:
            twin = copy.deepcopy(system.networks[name]).requires_grad_(False).eval()
            averaged[name] = self.fabric.to_device(_laid_out(twin, layout))
        for name, network in system.networks.items():
            _laid_out(network, layout)
            if options.compile:
                network.compile()
            player = networks[name] = self.fabric.setup_module(network)
            if name in system.rates:
                adam = make_adam(player.parameters(), system.rates[name], system.betas, device, recorded)
                optimizers[name] = cast(Optimizer, self.fabric.setup_optimizers(adam))
        numbers = Progress(augment_probability=self.config.augment.probability or 0.0)
        precise = torch.float32 if device.type == "mps" else torch.float64  # which has no float64
        due = torch.zeros((), dtype=precise, device=device)
        own, more = averaged[system.generator], sorted(set(options.ema_more) - {options.ema_kimg})
        half_lives = {options.ema_kimg: own, **{one: copy.deepcopy(own) for one in more}} if more else {}
        return State(dict(networks), averaged, optimizers, numbers, system.generator, due, half_lives)

    def play(self, budget_spent: float) -> Terms:
        """One round; returns every loss term and a few numbers to watch, the means of all processes, without graph.

        They lie on the device, and are what they are until the next round is played.

        Args:
            budget_spent: share of the budget, 0 to 1, for the learning rates.
        """
        numbers, count = self.state.progress, self.batches.batch_size
        inputs = self._inputs(min(1.0, budget_spent / self.config.train.anneal))
        numbers.step += 1
        numbers.images += count
        self._set_learning_rates(budget_spent)
        self._set_shares(numbers.images, count)
        if self.recordings is not None:
            logged = self.recordings.play(inputs)
        else:
            logged = self.whole_round(self.fabric.to_device(inputs))
        if self.control is not None:
            self.control.answer(count)
        return logged

    def _inputs(self, annealed: float = 0.0) -> dict[str, Tensor]:
        """All that the next round is given: what is fetched of its slices, and what is drawn."""
        numbers, seed, count = self.state.progress, self.config.train.seed, self.batches.batch_size
        torch.manual_seed(derived_seed(seed, numbers.step, 0, *([self.ranks.number] if self.ranks.number else [])))
        source = torch.Generator().manual_seed(derived_seed(seed, numbers.step, 1))
        fetched = self.slices.fetch(numbers.step, self.ranks.share(count))
        now = Round(numbers.step, count, self.batches.size, self.system.policy, numbers.augment_probability, annealed)
        drawn = self.ranks.rows(self.system.game.draw(now, source), count)
        return fetched | {DRAWN + name: tensor for name, tensor in drawn.items()}

    def whole_round(self, inputs: Mapping[str, Tensor]) -> Terms:
        """A round, the averaged networks and ADA's count: a pure function of `inputs` and of the state, on the device.

        Nothing is read back, and nothing drawn: see `tests/stages/train/test_pure_round.py`.
        """
        batch = Batch(*self.slices.batch(inputs))
        drawn = {name.removeprefix(DRAWN): t for name, t in inputs.items() if name.startswith(DRAWN)}
        logged = self.round(batch, drawn)
        self.ranks.mean(list(logged.values()))
        for name, twin in self.state.averaged.items():
            follow(twin, self.state.networks[name], self._share)
        for half_life, taken in self._shares.items():
            follow(self.state.half_lives[half_life], self.state.networks[self.system.generator], taken)
        if self.control is not None:
            self.control.watch(logged)
        return logged

    def round(self, batch: Batch, draws: Draws) -> Terms:
        """Every phase of the game on one batch: all that is random comes in, and nothing waits for the device."""
        logged: Terms = {}
        for phase in self.system.game.phases(self.players, batch, draws):
            self._only(phase.players)
            terms = phase.terms()
            for name in phase.players:
                self.state.optimizers[name].zero_grad(set_to_none=True)
            if phase.gradients is None:
                self.fabric.backward(torch.stack(list(terms.values())).sum())
            else:
                own = [parameter for name in phase.players for parameter in self._parameters[name]]
                for parameter, gradient in zip(own, phase.gradients(), strict=True):
                    parameter.grad = gradient
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

    def _set_learning_rates(self, budget_spent: float) -> None:
        """The preset's rates, halved at each roll-back, annealed, and falling to zero over the last `lr_decay` of the
        budget; and β2, annealed."""
        scale, decay = self.state.progress.lr_scale, self.config.train.lr_decay
        if decay > 0:
            scale *= min(1.0, max(0.0, (1 - budget_spent) / decay))
        annealed = budget_spent / self.config.train.anneal
        scale *= cosine(annealed, self.system.rate_end)
        if moves_beta2(self.system):
            for optimizer in self.state.optimizers.values():
                first, last = self.system.betas[1], self.system.last_beta2
                set_beta2(optimizer, first * cosine(annealed, last / first))
        for name, optimizer in self.state.optimizers.items():
            rate = self.system.rates[name] * scale
            if self._rates.get(name) != rate:  # on a device it is a kernel
                set_rate(optimizer, rate)
                self._rates[name] = rate

    def _set_shares(self, images: int, count: int) -> None:
        """Of the live weights, that the averaged ones take over in this round."""
        options = self.config.train
        self._share = _put(self._share, share_taken(images, count, options.ema_kimg, options.ema_rampup))
        for half_life, held in self._shares.items():
            self._shares[half_life] = _put(held, share_taken(images, count, half_life, options.ema_rampup))

    def synthesize(self, count: int, half_life: float | None = None, *, spread: Spread = draw) -> Images:
        """The averaged generator's images of the run's fixed latents, (count, 1, H, W).

        Args:
            spread: of what they are told; by default as often as the training slices have it, for a score of them.
            half_life: of the averaging, where there are several; None for what `sample` would take.
        """
        twin = self.state.best if half_life is None else self.state.half_lives[half_life]
        depth = self.system.depth
        stacks = -(-count // depth)
        z = self.fabric.to_device(latents(self.config.train.seed, 0, stacks, self.system.z_dim))
        told = self.fabric.to_device(self.batches.told_to(stacks * depth, spread))
        if depth > 1:
            return draw_stacks(twin, z, told)[:count].cpu()
        return generate(twin, z, told)[:, :1].cpu()


def moves_beta2(system: System) -> bool:
    """Whether Adam's second decay rate changes during a training."""
    return system.last_beta2 != system.betas[1]


def _put(held: float | Tensor, value: float) -> float | Tensor:
    """A number where a recorded round finds it, or itself where none is recorded."""
    return held.fill_(value) if isinstance(held, Tensor) else value
