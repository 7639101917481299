"""The schema of configs/*.yaml. An unknown key or a value out of range is an error that names the key."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from html import escape
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from medattngan.core import cards
from medattngan.core.files import UserError, mistaken, write_text
from medattngan.core.overrides import apply, with_text_keys
from medattngan.core.private_section import PrivateConfig
from medattngan.core.section import Section
from medattngan.core.shipped import find, shipped
from medattngan.core.stack_config import StackConfig


class DataConfig(Section):
    """What the networks see."""

    size: Literal[32, 64, 128, 256, 512] = 64
    """Height and width in pixels; larger store slices are averaged down to it."""
    split: Literal["train", "val", "test"] = "train"
    conditional: bool = False
    """Use the store's labels as class conditions."""
    conditions: tuple[str, ...] = ()
    """Columns of the store's index to use as conditions: numbers, as position_mm or age, and text, the captions. Of a
    store with masks also `mask`, which the generator is told, or `drawn_mask`, which it draws."""

    @field_validator("conditions")
    @classmethod
    def _once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("each column may be listed only once")
        return value


class ModelConfig(Section):
    """Which networks, and how wide. `None` leaves the preset's own choice."""

    preset: str = "compact"
    z_dim: int | None = Field(None, ge=1)
    generator_width: int | None = Field(None, ge=4)
    discriminator_width: int | None = Field(None, ge=4)
    excitation: bool = False
    """FastGAN's skip-layer excitation in the generator: maps 16 times as coarse scale the channels of fine ones."""
    pretrain_kimg: float | None = Field(None, ge=0)
    """Thousands of slices that attngan's encoders of text and slices are shown before the game."""
    flow: Literal["coupling", "matching"] | None = None
    """How latent_flow goes from noise to codes: affine couplings, with exact log p(z), or flow matching."""


class AttentionConfig(Section):
    """One switch for both networks."""

    kind: str = "scaled_dot"
    """scaled_dot, additive, multi_head, multi_scale, dynamic, bipartite, none, or that of an installed package."""
    resolutions: tuple[int, ...] = (16,)
    """Attend wherever a network's maps have one of these heights, twice in a row where it is named twice. The preset
    attention_generator attends at a quarter of data.size and nowhere else."""
    heads: int = Field(4, ge=1)
    """For whatever has heads: multi_head, and dynamic where that is one of its experts."""
    tokens: int = Field(8, ge=1)
    """For whatever has tokens: bipartite."""
    words: tuple[int, ...] | None = None
    """Heights of the generator's maps that read the words of a caption; [] for the sentence alone, `None` for the
    preset's own."""

    @field_validator("resolutions")
    @classmethod
    def _powers_of_two(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(r < 4 or r & (r - 1) for r in value):
            raise ValueError("each resolution must be a power of two, 4 or more")
        return value


class LossConfig(Section):
    """The game the two networks play. `None` leaves the preset's own choice."""

    kind: Literal["minimax", "non_saturating", "hinge", "least_squares", "wasserstein", "relativistic"] | None = None
    r1_gamma: float | None = Field(None, ge=0)
    """Weight of the squared gradient norm at real images."""
    r2_gamma: float | None = Field(None, ge=0)
    """The same at synthetic images."""
    gradient_penalty: float | None = Field(None, ge=0)
    """Weight of (|gradient| - 1)² between real and synthetic images (Wasserstein)."""
    penalty_every: int | None = Field(None, ge=1)
    """Lazy regularisation: penalties on every n-th step, n times as strong."""
    rebuild: float = Field(0.0, ge=0)
    """Weight of FastGAN's self-supervision: the discriminator draws real slices again, from its own maps."""
    gamma_rule: Literal["given", "stylegan2_ada", "r3gan"] = "given"
    """What sets r1_gamma and r2_gamma: they themselves, or a rule by size and batch (see `games/schedule.py`), whose
    number the run then keeps."""
    gamma_end: float | None = Field(None, ge=0)
    """All penalties' weights fall or rise to this share of themselves, over `train.anneal`."""


AugmentName = Literal["flip", "translate", "scale", "rotate", "brightness", "contrast", "cutout"]


class AugmentConfig(Section):
    """Differentiable augmentation of what the discriminator sees."""

    policy: tuple[AugmentName, ...] | None = None
    """`None` leaves the preset's own choice."""
    probability: float | None = Field(None, ge=0, le=1)
    """Of each transform of the policy; where `adaptive` is on, it starts there. `None` for 0."""
    adaptive: bool | None = None
    """ADA: raise the probability while the discriminator overfits, else lower it. `None` for yes where there are
    fewer than 2,000 slices and no probability is given."""
    target: float = Field(0.6, ge=-1, le=1)
    """ADA's r_t, the mean sign of the discriminator on real images."""


class OptimizerConfig(Section):
    """Adam for both. `None` leaves the preset's own choice."""

    generator_lr: float | None = Field(None, gt=0)
    discriminator_lr: float | None = Field(None, gt=0)
    beta1: float | None = Field(None, ge=0, lt=1)
    beta2: float | None = Field(None, gt=0, lt=1)
    lr_end: float | None = Field(None, gt=0)
    """Both rates fall to this share of themselves, over `train.anneal`."""
    beta2_end: float | None = Field(None, gt=0, lt=1)
    """β2 moves to this, over `train.anneal`."""


class TrainConfig(Section):
    """How long, how often, on what. Training ends at `kimg` or `minutes`, whichever comes first."""

    kimg: float = Field(1000.0, gt=0)
    """Thousands of real images shown."""
    minutes: float | None = Field(30.0, gt=0)
    """Of training, summed over resumptions; null for no limit."""
    seed: int = Field(0, ge=0, lt=2**31)
    batch_size: int | None = Field(None, ge=1)
    """`None` leaves the preset's own choice."""
    ema_kimg: float = Field(5.0, ge=0)
    """Half-life of the averaged generator."""
    ema_rampup: float = Field(0.1, ge=0)
    """The half-life is never more than this share of the images shown so far."""
    ema_more: tuple[float, ...] = ()
    """Further half-lives in kimg, averaged beside; the one with the best validation score is what `sample` takes."""
    lr_decay: float = Field(0.0, ge=0, le=1)
    """Share of the budget, at its end, over which the learning rates fall to zero linearly."""
    anneal: float = Field(1.0, gt=0, le=1)
    """Share of the budget, at its beginning, over which loss.gamma_end, optimizer.lr_end and beta2_end are reached,
    along a cosine."""
    precision: Literal["32-true", "bf16-mixed", "auto"] = "32-true"
    """Of the networks; penalties, scores and averaged weights are float32 always. `auto` takes bf16 on a CPU that
    multiplies it in hardware."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: int = Field(1, ge=1)
    """Processes on each machine, each on a device of its own (or with cores of its own) and with a share of every
    batch."""
    nodes: int = Field(1, ge=1)
    """Machines. torchrun or SLURM starts the processes where there are several."""
    channels_last: bool = True
    compile: bool = False
    graphs: Literal["auto", "on", "off"] = "auto"
    """Launch whole rounds as CUDA graphs: wherever that can be done, or else not begin, or never."""
    log_kimg: float = Field(0.5, gt=0)
    grid_kimg: float = Field(10.0, gt=0)
    checkpoint_minutes: float = Field(2.0, gt=0)
    checkpoint_steps: int | None = Field(None, ge=1)
    """Also write a checkpoint every so many steps."""
    validate_minutes: float | None = Field(10.0, gt=0)
    """Minutes between validation scores; null for none."""
    validate_count: int = Field(500, ge=50)
    """Synthetic slices, and at most as many real ones, per validation score."""

    @field_validator("ema_more")
    @classmethod
    def _half_lives(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(one <= 0 for one in value) or len(set(value)) < len(value):
            raise ValueError("each half-life must be more than 0 and listed only once")
        return value

    @field_validator("graphs", mode="before")
    @classmethod
    def _on_and_off(cls, value: Any) -> Any:
        # YAML 1.1 takes on and off for true and false.
        return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


class Config(Section):
    """One experiment, whole."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    attention: AttentionConfig = AttentionConfig()
    stack: StackConfig = StackConfig()
    loss: LossConfig = LossConfig()
    augment: AugmentConfig = AugmentConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    private: PrivateConfig = PrivateConfig()

    def __repr__(self) -> str:
        chosen = self.model_dump(mode="json", exclude_defaults=True)
        facts = {f"{name}.{key}": value for name, keys in chosen.items() for key, value in keys.items()}
        return cards.lines("Config, of which these differ from the defaults", facts or {"none": ""})

    __str__ = __repr__

    def _repr_html_(self) -> str:
        text = escape(yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False))
        heading = f"<summary><strong>Config</strong> {escape(self.model.preset)}</summary>"
        return f"<details>{heading}<pre>{text}</pre></details>"

    @classmethod
    def of(cls, given: Config | str | Path) -> Config:
        """A configuration that is loaded already, or the shipped one of that name, or the one in a file.

        Raises:
            UserError: it is none of these.
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, str | Path):
            raise mistaken(given, "a configuration, its name", 'mg.Config.load("compact")')
        return cls.load(given)

    @classmethod
    def load(cls, path: str | Path, overrides: Sequence[str] = ()) -> Config:
        """Read a YAML file, or the shipped one of that name, and apply `a.b=c` overrides, which are checked alike.

        Raises:
            UserError: the file is missing or is not YAML, or a key or value is not allowed.
        """
        path = find(path)
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"{path} does not exist; give the path of a configuration, or the name of one: {', '.join(shipped())}."
            ) from None
        except IsADirectoryError:
            raise UserError(f"{path} is a folder; give the configuration file in it.") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
        if tree is None:
            tree = {}
        if not isinstance(tree, dict):
            raise UserError(f"{path} must hold sections such as `train:`; it holds a {type(tree).__name__}.")
        tree = {str(name): with_text_keys(section) for name, section in tree.items()}
        for override in overrides:
            apply(tree, override)
        return cls.from_tree(tree, str(path))

    @classmethod
    def from_tree(cls, tree: dict[str, Any], where: str) -> Config:
        """Check plain values against the schema.

        Raises:
            UserError: naming the first offending key, its value and what is allowed.
        """
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise UserError(f"{where}: " + "; ".join(_explain(dict(e)) for e in error.errors()[:3]) + ".") from None

    def save(self, path: Path) -> None:
        """Write every key with its value, atomically."""
        write_text(path, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False))


def _meant(location: list[str], section: type[BaseModel]) -> str:
    """The key that was meant, in words: of the same name in another section, else of a like name in this one."""
    name = location[-1]
    elsewhere = [f"{part}.{name}" for part, one in Config() if name in type(one).model_fields]
    like = [".".join([*location[:-1], one]) for one in get_close_matches(name, section.model_fields, 1)]
    return next((f" (did you mean {key}?)" for key in (*elsewhere, *like)), "")


_PLAIN = {"tuple_type": "a list, in brackets", "model_type": "a section of keys"}
"""What pydantic says in the words of Python, in the words of YAML; by the type of the error."""


def _explain(error: dict[str, Any]) -> str:
    """One pydantic error as: the key, its value, what was allowed."""
    location = [str(part) for part in error["loc"] if not isinstance(part, int)]
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        section: type[BaseModel] = Config
        for part in location[:-1]:
            annotation = section.model_fields[part].annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                section = annotation
        return f"{key} is not a key{_meant(location, section)}; allowed here: {', '.join(sorted(section.model_fields))}"
    if error["type"] in _PLAIN:
        return f"{key} is {error['input']!r}, but it should be {_PLAIN[error['type']]}"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "it should be")
    return f"{key} is {error['input']!r}, but {message}"
