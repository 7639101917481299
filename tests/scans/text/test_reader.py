"""The attention reader is the paper's, step by step, and knows where it looked."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from medattngan.scans.text.alphabet import CHARACTERS, END, TOKENS, decode, encode
from medattngan.scans.text.reader import MAX_COLUMNS, MAX_ROWS, STRIDE, Reader, standardised


def reader(seed: int = 0) -> Reader:
    torch.manual_seed(seed)
    return Reader().eval()


def crops(count: int, height: int = 32, width: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(seed))


@given(st.text(CHARACTERS, max_size=20))
def test_every_text_of_the_alphabet_comes_back_from_its_tokens(text: str) -> None:
    assert decode(encode(text)) == text


def test_each_character_has_one_token_and_the_end_token_is_none_of_them() -> None:
    assert len(set(CHARACTERS)) == len(CHARACTERS) == TOKENS - 1
    assert END not in encode(CHARACTERS)[:-1]
    assert set("ÄÖÜäöüßéèçœñÑ¿¡Az09^-_/:.,()") <= set(CHARACTERS)


def test_two_steps_are_the_equations_of_the_paper() -> None:
    model, picture = reader(), crops(1)
    weights = dict(model.named_parameters())
    with torch.no_grad():
        features = model.look(picture)
        height, width = features.shape[2:]
        state, cell, seen = torch.zeros(256), torch.zeros(256), torch.zeros(features.shape[1])
        attention = torch.zeros(height, width)
        expected, looked = [], []
        for token in (END, 1):
            x = weights["of_character.weight"][token] + model.of_seen.weight @ seen + model.of_seen.bias
            for i in range(height):
                for j in range(width):
                    place = model.of_place.weight[:, i] + model.of_place.weight[:, MAX_ROWS + j]
                    x = x + attention[i, j] * place
            gates = model.lstm.weight_ih @ x + model.lstm.bias_ih + model.lstm.weight_hh @ state + model.lstm.bias_hh
            enter, forget, new, leave = gates.chunk(4)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            state = leave.sigmoid() * cell.tanh()
            scores = torch.empty(height, width)
            for i in range(height):
                for j in range(width):
                    match = model.query.weight @ state + model.query.bias + model.rows[i] + model.columns[j]
                    match = match + model.key.weight[:, :, 0, 0] @ features[0, :, i, j]
                    scores[i, j] = model.energy @ match.tanh()
            attention = scores.flatten().softmax(0).view(height, width)
            seen = (attention * features[0]).sum((1, 2))
            expected.append(model.by_state.weight @ state + model.by_state.bias + model.by_seen.weight @ seen)
            looked.append(attention)
        logits, followed = model.follow(features, torch.tensor([[1, 5]]))
    torch.testing.assert_close(logits[0], torch.stack(expected), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(followed[0], torch.stack(looked), rtol=1e-4, atol=1e-6)


def test_what_it_reads_is_the_likeliest_continuation_of_what_it_has_read() -> None:
    model, pictures = reader(1), crops(3)
    read = model.read(pictures)
    with torch.no_grad():
        logits = model(pictures, read.tokens)
    for row, tokens in enumerate(read.tokens):
        stop = int((tokens == END).int().argmax()) if END in tokens else len(tokens) - 1
        assert torch.equal(logits[row, : stop + 1].argmax(-1), tokens[: stop + 1])


def test_attention_is_spread_over_the_whole_map_and_sums_to_one() -> None:
    read = reader().read(crops(2, 64, 96))
    assert read.attention.shape[2:] == (64 // STRIDE[0], 96 // STRIDE[1])
    torch.testing.assert_close(read.attention.sum((2, 3)), torch.ones(read.tokens.shape))


def test_coordinates_tell_places_apart_that_look_alike() -> None:
    read = reader().read(torch.zeros(1, 1, 32, 64)).attention[0, 0]
    inside = read[1:-1, 2:-2]  # the borders differ by their padding
    assert inside.max() > 1.01 * inside.min()
    model = reader()
    torch.nn.init.zeros_(model.rows)
    torch.nn.init.zeros_(model.columns)
    blind = model.read(torch.zeros(1, 1, 32, 160)).attention[0, 0, 2, 6:-6]
    torch.testing.assert_close(blind, blind.mean().expand_as(blind), rtol=1e-4, atol=1e-7)


def test_faint_ink_reads_as_strong_ink_does() -> None:
    pictures = crops(1)
    strong, faint = standardised(pictures), standardised(0.5 + 0.5 * pictures)
    torch.testing.assert_close(strong, faint, rtol=0.05, atol=0.1)


def test_a_crop_wider_than_any_coordinate_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        reader().read(torch.zeros(1, 1, 32, (MAX_COLUMNS + 1) * STRIDE[1]))
