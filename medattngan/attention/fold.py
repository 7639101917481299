"""A function of many rows, worked out a block of rows at a time, and differentiable as often as one likes.

Let `block(rows, shared)` return outputs that belong to its rows, and outputs that add up over blocks. Then

    fold(block)(x, s) = (concatenation of block(x_i, s)[0], sum of block(x_i, s)[1])

and the vector-Jacobian product of a fold is itself a fold: the gradient of a row belongs to that row, the
gradient of what all rows share adds up over them. So backward is a fold of the block's own vector-Jacobian
product, the backward of that a fold again, and no order of derivative keeps the intermediate values of more
than one block. Each order works the block out anew instead (Chen et al. 2016, arXiv:1604.06174).

Where a faster way to the value or to its first gradient is known, it takes the place of that order's sweep
over blocks; the orders above it do not change. Fast code therefore needs no derivative of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Tensors: TypeAlias = tuple[Tensor, ...]
Block: TypeAlias = Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]
Fast: TypeAlias = Callable[..., Tensors]


def fold(
    block: Block,
    rows: Tensors,
    shared: Tensors,
    size: int,
    fast: tuple[Fast, ...] = (),
    row_outputs: int = 1,
) -> Tensors:
    """Apply `block` to `size` rows at a time.

    Args:
        block: plain differentiable code, (rows, shared) → (outputs of these rows, outputs to be summed).
        rows: tensors (..., N, *) cut along their last dimension but one.
        shared: tensors that every block sees whole.
        size: rows in a block.
        fast: for the value, the first gradient, …, as many as are known: a function that takes all the rows
            and shared tensors, for a gradient in the order of `pullback`, and returns what the fold would.
        row_outputs: how many of the outputs belong to rows.

    Returns:
        The row outputs (..., N, *), then the sums.

    >>> x, s = torch.ones(1, 5, 2), torch.ones(2)
    >>> [t.shape for t in fold(lambda r, s: ((r[0] * s[0],), (r[0].sum((0, 1)),)), (x,), (s,), 2)]
    [torch.Size([1, 5, 2]), torch.Size([2])]
    """
    run = _apply
    if torch.compiler.is_compiling():  # only there: to import the compiler takes longer than the rest of torch
        run = torch.compiler.disable(_apply)  # type: ignore[no-untyped-call]
    return run(block, fast, size, (len(rows), row_outputs), *rows, *shared)


def _apply(block: Block, fast: tuple[Fast, ...], size: int, counts: tuple[int, int], *tensors: Tensor) -> Tensors:
    return tuple(_Fold.apply(block, fast, size, counts, *tensors))  # type: ignore[no-untyped-call]


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
            result = torch.autograd.grad(outputs, inputs, gradients, create_graph=again, materialize_grads=True)
        return result[:n_rows], result[n_rows:]

    return pulled


def _as_input(tensor: Tensor, again: bool) -> Tensor:
    """A tensor to differentiate by: part of the surrounding graph if that will be differentiated again."""
    if again and tensor.requires_grad:
        return tensor.view_as(tensor)
    return tensor.detach().requires_grad_()


class _Fold(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, block: Block, fast: tuple[Fast, ...], size: int, counts: tuple[int, int], *tensors: Tensor
    ) -> Tensors:
        n_rows, n_row_outputs = counts
        with torch.autocast(tensors[0].device.type, enabled=False):
            outputs = fast[0](*tensors) if fast else _sweep(block, tensors[:n_rows], tensors[n_rows:], size)
        ctx.save_for_backward(*tensors)
        ctx.block, ctx.fast, ctx.size, ctx.n_rows, ctx.n_row_outputs = (
            block,
            fast[1:],
            size,
            n_rows,
            n_row_outputs,
        )
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        rows, shared = ctx.saved_tensors[: ctx.n_rows], ctx.saved_tensors[ctx.n_rows :]
        pulled = pullback(ctx.block, len(rows), len(shared))
        of_rows, of_sums = gradients[: ctx.n_row_outputs], gradients[ctx.n_row_outputs :]
        counts = (len(rows) + len(of_rows), len(rows))
        inputs = (*rows, *of_rows, *shared, *of_sums)
        return None, None, None, None, *_Fold.apply(pulled, ctx.fast, ctx.size, counts, *inputs)  # type: ignore[no-untyped-call]


def _sweep(block: Block, rows: Tensors, shared: Tensors, size: int) -> Tensors:
    pieces: list[Tensors] = []
    sums: list[Tensor] = []
    dtypes: list[torch.dtype] = []
    for parts in zip(*(torch.split(t, size, dim=-2) for t in rows), strict=True):
        row_outputs, terms = block(parts, shared)
        pieces.append(row_outputs)
        dtypes = [term.dtype for term in terms]
        sums = [total + term for total, term in zip(sums, terms, strict=True)] if sums else [*map(wide, terms)]
    joined = [torch.cat(column, dim=-2) for column in zip(*pieces, strict=True)]
    return (*joined, *(total.to(dtype) for total, dtype in zip(sums, dtypes, strict=True)))


def wide(tensor: Tensor) -> Tensor:
    """`tensor` in float32 at least: exponentials and sums over positions need it."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
