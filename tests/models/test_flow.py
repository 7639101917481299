"""A flow is a change of variables: it inverts, its volume is the Jacobian's, and its density sums to one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from medattngan.models.flow.coupling import CouplingFlow, mask
from medattngan.models.flow.matching import MatchingFlow


def learned(width: int, classes: int = 0, numbers: tuple[str, ...] = ()) -> CouplingFlow:
    """Couplings and a triangular map that are far from the identity."""
    torch.manual_seed(0)
    flow = CouplingFlow(width, classes, numbers).double()
    for coupling in flow.couplings:
        nn.init.normal_(coupling.output.weight, 0.0, 0.1)  # type: ignore[union-attr, arg-type]
        nn.init.normal_(coupling.output.bias, 0.0, 0.1)  # type: ignore[union-attr, arg-type]
    nn.init.normal_(flow.triangular.below, 0.0, 0.5)
    nn.init.normal_(flow.triangular.log_diagonal, 0.0, 0.3)
    nn.init.normal_(flow.triangular.mean)
    return flow


def test_a_flow_gives_back_the_noise_it_was_given() -> None:
    flow, u = learned(7), torch.randn(20, 7, dtype=torch.float64)
    z = flow(u)
    assert (z - u).abs().max() > 0.5
    torch.testing.assert_close(flow.inverse(z)[0], u, rtol=0, atol=1e-10)


def test_the_volume_is_that_of_the_jacobian() -> None:
    flow = learned(5)
    for z in torch.randn(4, 5, dtype=torch.float64):
        jacobian = torch.autograd.functional.jacobian(lambda one: flow.inverse(one[None])[0][0], z)
        sign, volume = torch.linalg.slogdet(torch.as_tensor(jacobian))
        torch.testing.assert_close(flow.inverse(z[None])[1][0], volume)
        assert abs(float(sign)) == 1


def grid(reach: float, steps: int) -> tuple[Tensor, float]:
    """Points of a square and the area of each."""
    line = torch.linspace(-reach, reach, steps, dtype=torch.float64)
    return torch.cartesian_prod(line, line), float(line[1] - line[0]) ** 2


@pytest.mark.parametrize("label", [0, 1])
def test_the_density_sums_to_one_in_the_plane_whatever_is_told(label: int) -> None:
    flow = learned(2, classes=2, numbers=("age",))
    points, area = grid(8.0, 90)
    told = {"label": torch.full((len(points),), label), "age": torch.full((len(points),), 0.3 * label).double()}
    with torch.no_grad():
        density = flow.log_density(points, told).exp()
    assert float(density.sum()) * area == pytest.approx(1, abs=0.02)


def test_what_is_told_changes_the_density() -> None:
    flow = learned(2, classes=2, numbers=("age",))
    z = torch.zeros(3, 2, dtype=torch.float64)
    told = {"label": torch.tensor([0, 1, 0]), "age": torch.tensor([0.0, 0.0, 1.0]).double()}
    assert len(set(flow.log_density(z, told).tolist())) == 3


def test_every_normal_distribution_is_among_what_the_flow_can_be() -> None:
    torch.manual_seed(0)
    factor = torch.tril(torch.randn(6, 6, dtype=torch.float64), -1) + torch.diag(torch.rand(6).double() + 0.5)
    mean, flow = torch.randn(6, dtype=torch.float64), CouplingFlow(6).double()
    with torch.no_grad():
        flow.triangular.mean.copy_(mean)
        flow.triangular.below.copy_(torch.tril(factor, -1))
        flow.triangular.log_diagonal.copy_(factor.diag().log())
    normal = torch.distributions.MultivariateNormal(mean, scale_tril=factor)
    z = torch.randn(9, 6, dtype=torch.float64)
    torch.testing.assert_close(flow.log_density(z), normal.log_prob(z))
    torch.testing.assert_close(flow.loss(z, {}), -normal.log_prob(z) / 6)


@pytest.mark.parametrize("width", [2, 5, 128])
def test_any_two_places_are_apart_in_some_coupling(width: int) -> None:
    masks = torch.stack([mask(width, number) for number in range(2 * max(1, (width - 1).bit_length()))])
    assert torch.equal(masks[::2], 1 - masks[1::2])
    assert len({tuple(column) for column in masks.T.tolist()}) == width


@pytest.mark.slow
def test_couplings_learn_a_ring_which_no_normal_distribution_does() -> None:
    torch.manual_seed(0)
    angle = torch.rand(512) * 2 * torch.pi
    ring = torch.stack([angle.cos(), angle.sin()], 1) * 3 + 0.2 * torch.randn(512, 2)
    flow = CouplingFlow(2)
    optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
    for _ in range(120):
        optimizer.zero_grad()
        flow.loss(ring[:256], {}).mean().backward()
        optimizer.step()
    normal = torch.distributions.MultivariateNormal(ring[:256].mean(0), ring[:256].T.cov())
    with torch.no_grad():
        assert flow.log_density(ring[256:]).mean() > normal.log_prob(ring[256:]).mean() + 0.3


def test_flow_matching_is_the_identity_at_first_and_asks_for_the_straight_way() -> None:
    flow = MatchingFlow(3)
    z, start = torch.randn(5, 3), torch.randn(5, 3)
    assert torch.equal(flow(start), start)
    loss = flow.loss(z, {"start": start, "time": torch.rand(5, 1)})
    torch.testing.assert_close(loss, (z - start).square().mean(1))


def test_flow_matching_carries_noise_along_its_velocity() -> None:
    flow = MatchingFlow(2)
    with torch.no_grad():
        flow.velocity.output.bias.copy_(torch.tensor([2.0, -1.0]))
    start = torch.randn(4, 2)
    torch.testing.assert_close(flow(start), start + torch.tensor([2.0, -1.0]))
