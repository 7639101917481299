"""The games two networks play: adversarial losses and gradient penalties."""

from medattngan.losses.adversarial import LOSSES, Adversarial, relativistic_loss
from medattngan.losses.penalties import squared_gradient, unit_gradient_penalty

__all__ = ["LOSSES", "Adversarial", "relativistic_loss", "squared_gradient", "unit_gradient_penalty"]
