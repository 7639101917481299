"""What holds for every attention in the table."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from medattngan.attention import ATTENTION

KINDS = sorted(ATTENTION)
VARIANTS: list[tuple[str, dict[str, object]]] = [
    *((kind, {}) for kind in KINDS),
    ("scaled_dot", {"pool": True, "scaled": False}),
    ("scaled_dot", {"value_reduction": 1, "project": False}),
    ("additive", {"pool": True}),
    ("multi_head", {"heads": 2, "reduction": 2, "position": True}),
    ("multi_scale", {"scales": (1, 3)}),
    ("dynamic", {"experts": ("multi_scale", "multi_head"), "heads": 2}),
]
PERMUTABLE = [
    "scaled_dot",
    "additive",
    "multi_head",
    "dynamic",
    "none",
]  # multi_scale knows who is whose neighbour


def opened(kind: str, channels: int = 8, **options: object) -> nn.Module:
    """A module whose gate is open and whose every parameter is off zero, so that all of it shows."""
    torch.manual_seed(0)
    module = ATTENTION[kind](channels, **options)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    nn.init.ones_(module.get_parameter("gamma"))
    return module


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.sampled_from([4, 8, 12]))
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_module_is_the_identity_on_any_shape(
    kind: str, batch: int, height: int, width: int, channels: int
) -> None:
    x = torch.randn(batch, channels, height, width)
    assert torch.equal(ATTENTION[kind](channels)(x), x)


@pytest.mark.parametrize(("kind", "options"), VARIANTS)
def test_first_and_second_derivatives_agree_with_finite_differences(kind: str, options: dict[str, object]) -> None:
    module = opened(kind, **options).double()
    x = torch.randn(1, 8, 2, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in module.named_parameters()]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x,))

    values = [p.detach().clone().requires_grad_() for p in module.parameters()]
    assert torch.autograd.gradcheck(run, (x, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, *values), fast_mode=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_penalty_reaches_every_parameter_that_shapes_the_output(kind: str) -> None:
    module = opened(kind)
    x = torch.randn(2, 8, 4, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(module(x).square().sum(), x, create_graph=True)
    slope.square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_channels_last_gives_the_same_values_and_stays_channels_last(kind: str) -> None:
    module = opened(kind)
    x = torch.randn(2, 8, 6, 4)
    expected = module(x)
    last = module.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, expected)
    assert last.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", PERMUTABLE)
def test_moving_the_positions_moves_the_output_with_them(kind: str) -> None:
    module = opened(kind).double()
    x = torch.randn(2, 8, 3, 4, dtype=torch.float64)
    order = torch.randperm(12)
    moved = module(x.flatten(2)[:, :, order].view_as(x))
    torch.testing.assert_close(moved.flatten(2), module(x).flatten(2)[:, :, order])


def test_multi_head_attention_with_position_code_notices_that_positions_moved() -> None:
    module = opened("multi_head", position=True).double()
    x = torch.randn(1, 8, 3, 4, dtype=torch.float64)
    assert not torch.allclose(module(x.flip(3)).flip(3), module(x), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_one_image_does_not_change_what_another_reads(kind: str) -> None:
    module = opened(kind).double()
    x = torch.randn(3, 8, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(module(x)[1:2], module(x[1:2]))


def _bf16_error(kind: str, device: str) -> float:
    module = opened(kind, 32).to(device)
    x = torch.randn(2, 32, 16, 16, device=device)
    expected = copy.deepcopy(module).double()(x.double())
    with torch.autocast(device, dtype=torch.bfloat16):
        got = module(x)
    assert got.dtype == torch.float32
    return float(((got.double() - expected).abs().max() / expected.abs().max()).detach())


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_autocast_agrees_with_float64_to_a_hundredth(kind: str) -> None:
    assert _bf16_error(kind, "cpu") < 1e-2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_bf16_autocast_on_cuda_agrees_with_float64_to_a_hundredth(kind: str) -> None:
    assert _bf16_error(kind, "cuda") < 1e-2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_cuda_gives_what_the_cpu_gives_to_the_second_derivative(kind: str) -> None:
    def penalty(device: str) -> list[Tensor]:
        module = opened(kind).double().to(device)
        x = torch.linspace(-1, 1, 2 * 8 * 16, dtype=torch.float64, device=device).view(2, 8, 4, 4).sin()
        x.requires_grad_()
        (slope,) = torch.autograd.grad(module(x).square().sum(), x, create_graph=True)
        return [g.cpu() for g in torch.autograd.grad(slope.square().sum(), [x, *module.parameters()])]

    torch.testing.assert_close(penalty("cuda"), penalty("cpu"))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_pass_under_bf16_autocast(kind: str) -> None:
    module = opened(kind)
    x = torch.randn(2, 8, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = module(x).square().mean()
    loss.backward()
    expected = opened(kind).double()
    expected(x.double()).square().mean().backward()
    for mine, theirs in zip(module.parameters(), expected.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert (mine.grad.double() - theirs.grad).norm() <= 0.05 * theirs.grad.norm() + 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_spectral_norm_may_be_put_on_every_layer(kind: str) -> None:
    module = opened(kind)
    for layer in [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]:
        nn.utils.parametrizations.spectral_norm(layer)
    out = module(torch.randn(2, 8, 4, 4))
    out.sum().backward()
    assert out.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_module_loads_to_the_same_function(kind: str) -> None:
    module, other = opened(kind), ATTENTION[kind](8)
    other.load_state_dict(module.state_dict())
    x = torch.randn(1, 8, 4, 4)
    assert torch.equal(module(x), other(x))


def test_none_has_as_many_parameters_as_it_is_asked_for() -> None:
    for kind in KINDS:
        wanted = sum(p.numel() for p in ATTENTION[kind](64).parameters())
        got = sum(p.numel() for p in ATTENTION["none"](64, parameters=wanted).parameters())
        assert abs(got - wanted) <= 64, kind


def test_none_sees_every_position_alone() -> None:
    module = opened("none")
    x = torch.randn(1, 8, 3, 3)
    changed = x.clone()
    changed[:, :, 1, 1] += 1
    moved = (module(changed) - module(x)).abs().sum(1)[0]
    assert (moved > 0).nonzero().tolist() == [[1, 1]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_penalty_under_bf16_autocast_is_near_that_of_float64(kind: str) -> None:
    def penalty(module: nn.Module, x: Tensor) -> Tensor:
        (slope,) = torch.autograd.grad(module(x).square().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), module.get_parameter("gamma"))[0]

    x = torch.randn(2, 8, 4, 4)
    expected = penalty(opened(kind).double(), x.double().requires_grad_())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = penalty(opened(kind), x.clone().requires_grad_())
    torch.testing.assert_close(got.double(), expected, rtol=0.03, atol=0.0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # Dynamo looks
@pytest.mark.parametrize("kind", KINDS)
def test_torch_compile_changes_neither_value_nor_gradient(kind: str) -> None:
    module = opened(kind)
    compiled = torch.compile(module, backend="aot_eager")
    x = torch.randn(2, 8, 4, 4, requires_grad=True)
    got, expected = compiled(x), module(x)
    torch.testing.assert_close(got, expected)
    slopes = [torch.autograd.grad(value.square().sum(), x)[0] for value in (got, expected)]
    torch.testing.assert_close(slopes[0], slopes[1])
