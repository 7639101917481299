"""The keys of a private training."""

from __future__ import annotations

from pydantic import Field, model_validator

from medattngan.core.section import Section


class PrivateConfig(Section):
    """Differential privacy for every training patient (docs/how-to/private.md). On where `epsilon` is given."""

    epsilon: float | None = Field(None, gt=0)
    """What may be spent at most; training ends before it would be passed."""
    delta: float = Field(1e-5, gt=0, lt=1)
    """Must lie below one in the number of training patients."""
    noise: float | None = Field(None, gt=0)
    """Standard deviation of the noise in multiples of `clip`. `None` for the least that lets all of train.kimg pass."""
    clip: float = Field(1.0, gt=0)
    """Greatest norm of what one patient adds to the discriminator's gradient."""
    slices: int = Field(1, ge=1)
    """Of each patient who is drawn, that its gradient is the mean of."""
    generator_every: int = Field(5, ge=1)
    """The generator moves after every so many moves of the discriminator, and spends nothing."""

    @model_validator(mode="after")
    def _private(self) -> PrivateConfig:
        # A run keeps every key, so those at their defaults say nothing.
        asked = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
        if self.epsilon is None and asked:
            raise ValueError(
                f"private.{asked[0]} is set, but private.epsilon is not: this training would not be private"
            )
        return self
