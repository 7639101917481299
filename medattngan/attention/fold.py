"""A function of many rows, worked out a block of rows at a time, and differentiable as often as one likes.

Let `block(rows, shared)` return outputs that belong to its rows, and outputs that add up over blocks. Then

    fold(block)(x, s) = (concatenation of block(x_i, s)[0], sum of block(x_i, s)[1])

and the vector-Jacobian product of a fold is itself a fold: the gradient of a row belongs to that row, the
gradient of what all rows share adds up over them. So backward is a fold of the block's own vector-Jacobian
product, the backward of that a fold again, and no order of derivative keeps the intermediate values of more
than one block. Each order works the block out anew instead (Chen et al. 2016, arXiv:1604.06174).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

Tensors: TypeAlias = tuple[Tensor, ...]
Block: TypeAlias = Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]


def fold(block: Block, rows: Tensors, shared: Tensors, size: int) -> Tensors:
    """Apply `block` to `size` rows at a time.

    Args:
        block: plain differentiable code, (rows, shared) → (outputs of these rows, outputs to be summed).
        rows: tensors (..., N, *) cut along their last dimension but one.
        shared: tensors that every block sees whole.
        size: rows in a block.

    Returns:
        The row outputs (..., N, *), then the sums.

    >>> x, s = torch.ones(1, 5, 2), torch.ones(2)
    >>> [t.shape for t in fold(lambda r, s: ((r[0] * s[0],), (r[0].sum((0, 1)),)), (x,), (s,), 2)]
    [torch.Size([1, 5, 2]), torch.Size([2])]
    """
    return tuple(_Fold.apply(block, size, len(rows), *rows, *shared))  # type: ignore[no-untyped-call]


def pullback(block: Block, n_rows: int, n_shared: int) -> Block:
    """The vector-Jacobian product of `block`, as a block.

    Its rows are those of `block` and the gradients of the row outputs; its shared tensors are those of
    `block` and the gradients of the sums. It returns the gradients of rows and of shared tensors.
    """

    def pulled(rows: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
        again = torch.is_grad_enabled()
        with torch.enable_grad():
            inputs = [_as_input(t, again) for t in (*rows[:n_rows], *shared[:n_shared])]
            row_out, sums = block(tuple(inputs[:n_rows]), tuple(inputs[n_rows:]))
            pairs = zip((*row_out, *sums), (*rows[n_rows:], *shared[n_shared:]), strict=True)
            outputs, gradients = zip(*(pair for pair in pairs if pair[0].requires_grad), strict=True)
            result = torch.autograd.grad(
                outputs, inputs, gradients, create_graph=again, materialize_grads=True
            )
        return result[:n_rows], result[n_rows:]

    return pulled


def _as_input(tensor: Tensor, again: bool) -> Tensor:
    """A tensor to differentiate by: part of the surrounding graph if that will be differentiated again."""
    if again and tensor.requires_grad:
        return tensor.view_as(tensor)
    return tensor.detach().requires_grad_()


class _Fold(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, block: Block, size: int, n_rows: int, *tensors: Tensor) -> Tensors:
        rows, shared = tensors[:n_rows], tensors[n_rows:]
        with torch.autocast(tensors[0].device.type, enabled=False):
            row_out, sums = _sweep(block, rows, shared, size)
        ctx.save_for_backward(*tensors)
        ctx.block, ctx.size, ctx.n_rows, ctx.n_row_out = block, size, n_rows, len(row_out)
        return (*row_out, *sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        tensors = ctx.saved_tensors
        rows, shared = tensors[: ctx.n_rows], tensors[ctx.n_rows :]
        pulled = pullback(ctx.block, len(rows), len(shared))
        rows, shared = (*rows, *gradients[: ctx.n_row_out]), (*shared, *gradients[ctx.n_row_out :])
        return None, None, None, *fold(pulled, rows, shared, ctx.size)


def _sweep(block: Block, rows: Tensors, shared: Tensors, size: int) -> tuple[Tensors, Tensors]:
    pieces: list[Tensors] = []
    sums: list[Tensor] = []
    for parts in zip(*(torch.split(t, size, dim=-2) for t in rows), strict=True):
        row_out, terms = block(parts, shared)
        pieces.append(row_out)
        sums = _add(sums, terms)
    joined = tuple(torch.cat(column, dim=-2) for column in zip(*pieces, strict=True))
    return joined, tuple(sums)


def _add(sums: list[Tensor], terms: Sequence[Tensor]) -> list[Tensor]:
    return [total + term for total, term in zip(sums, terms, strict=True)] if sums else list(terms)
