"""AttnGAN against the paper's equations, and against what is wrong in its published code."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.captioned import TEXT, captioned_store, text_config, text_system, tokens
from torch import nn
from torch.nn import functional as F

from medattngan.attention.words import WordAttention2d
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.games.attngan import discriminator_loss, generator_loss, kl_divergence
from medattngan.games.game import Batch, Round
from medattngan.games.matching import (
    another_text,
    looked_at,
    matching_loss,
    same_text,
    sentence_similarity,
    word_similarity,
)
from medattngan.models.text_encoder import TextEncoder
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_an_lstm_that_reads_each_caption_turned_round_is_the_bidirectional_one() -> None:
    torch.manual_seed(0)
    encoder = TextEncoder(9, width=6, embedding=5)
    plain = nn.LSTM(5, 3, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, own in encoder.onwards.named_parameters():
            plain.get_parameter(name).copy_(own)
        for name, own in encoder.backwards.named_parameters():
            plain.get_parameter(f"{name}_reverse").copy_(own)
    told = torch.tensor([[1, 2, 3, 0], [4, 0, 0, 0], [5, 6, 7, 8]])
    words, there, sentence = encoder(told)
    packed = nn.utils.rnn.pack_padded_sequence(
        encoder.embedding(told), torch.tensor([3, 1, 4]), batch_first=True, enforce_sorted=False
    )
    output, (last, _) = plain(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
    assert torch.allclose(words, expected, atol=1e-6)
    assert torch.allclose(sentence, torch.cat([last[0], last[1]], 1), atol=1e-6)
    assert there.sum(1).tolist() == [3, 1, 4]


def test_padding_changes_neither_words_nor_sentence() -> None:
    encoder = TextEncoder(9, width=6, embedding=5)
    short, long = encoder(torch.tensor([[1, 2]])), encoder(torch.tensor([[1, 2, 0, 0, 0]]))
    assert torch.allclose(short[0], long[0][:, :2], atol=1e-6)
    assert torch.allclose(short[2], long[2], atol=1e-6)
    assert (long[0][:, 2:] == 0).all()


def test_word_attention_is_the_equation_position_by_position() -> None:
    module = WordAttention2d(4, 6)
    x, words, there = drawn(2, 4, 3, 3), drawn(2, 5, 6, seed=1), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    out = module(x, words, there)
    for slice_ in range(2):
        projected = words[slice_, there[slice_]] @ module.project.weight.T
        for row, column in np.ndindex(3, 3):
            beta = (projected @ x[slice_, :, row, column]).softmax(0)  # unscaled, and no gate
            assert torch.allclose(out[slice_, :, row, column], beta @ projected, atol=1e-5)
    assert torch.allclose(module.weights(x, words, there).sum(1), torch.ones(2, 3, 3), atol=1e-6)


def test_each_slice_is_masked_by_its_own_caption_whatever_stands_beside_it() -> None:
    """The published code repeats the mask so that position p of slice b takes that of slice (b N + p) mod B."""
    module = WordAttention2d(4, 6)
    x, words = drawn(3, 4, 4, 4), drawn(3, 5, 6, seed=1)
    there = torch.tensor([[1, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    together = module(x, words, there)
    for i in range(3):
        assert torch.allclose(together[i : i + 1], module(x[i : i + 1], words[i : i + 1], there[i : i + 1]), atol=1e-6)
        assert (module.weights(x, words, there)[i, ~there[i]] == 0).all()
    swapped = module(x[[2, 1, 0]], words[[2, 1, 0]], there[[2, 1, 0]])
    assert torch.allclose(swapped[[2, 1, 0]], together, atol=1e-6)


def test_a_slice_without_any_word_reads_nothing_and_is_a_number() -> None:
    module = WordAttention2d(4, 6)
    assert (module(drawn(1, 4, 2, 2), drawn(1, 3, 6), torch.zeros(1, 3, dtype=torch.bool)) == 0).all()


def by_hand(regions: torch.Tensor, words: torch.Tensor) -> float:
    """R(Q, D) as the paper writes it, Eq. 7 to 10."""
    s = words @ regions.T
    over_words = s.exp() / s.exp().sum(0, keepdim=True)
    alpha = (4.0 * over_words).exp() / (4.0 * over_words).exp().sum(1, keepdim=True)
    c = alpha @ regions
    cosines = F.cosine_similarity(c, words, dim=1)
    return float((5.0 * cosines).exp().sum().pow(1 / 5.0).log())


def test_similarity_of_slice_and_caption_is_the_paper_s_with_its_root() -> None:
    """The published code leaves out the 1/γ2, which makes every similarity five times as large."""
    regions, words = drawn(2, 7, 6), drawn(2, 4, 6, seed=1)
    there = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]]).bool()
    found = word_similarity(regions, words, there)
    for i, j in np.ndindex(2, 2):
        assert float(found[i, j]) == pytest.approx(by_hand(regions[i], words[j, there[j]]), abs=1e-5)


def test_one_word_that_is_what_it_looks_at_has_similarity_one() -> None:
    v = drawn(1, 1, 6)
    assert float(word_similarity(v, v, torch.ones(1, 1, dtype=torch.bool))) == pytest.approx(1.0, abs=1e-6)


def test_a_word_looks_at_regions_in_shares_that_sum_to_one() -> None:
    looked = looked_at(drawn(2, 7, 6), drawn(3, 4, 6, seed=1), torch.ones(3, 4, dtype=torch.bool))
    assert looked.shape == (2, 3, 4, 7)
    assert torch.allclose(looked.sum(3), torch.ones(2, 3, 4), atol=1e-6)


def test_the_loss_is_both_directions_and_knows_no_wrong_answer_in_an_equal_caption() -> None:
    similarity = drawn(4, 4)
    alone = torch.eye(4, dtype=torch.bool)
    logits = 10.0 * similarity
    both = -(logits.log_softmax(1).diagonal() + logits.log_softmax(0).diagonal())
    assert torch.allclose(matching_loss(similarity, alone), both, atol=1e-5)
    same = same_text(torch.tensor([[1, 2], [1, 2], [3, 0], [4, 0]]))
    smaller = matching_loss(similarity[1:, 1:], alone[1:, 1:])
    assert torch.allclose(matching_loss(similarity, same)[1:2], smaller[:1], atol=1e-5)
    assert (matching_loss(similarity, same) <= both + 1e-6).all()


def test_another_s_text_differs_or_there_is_none() -> None:
    told = TEXT.encode(["large blob", "large blob", "small blob", "large blob"])
    same = same_text(told)
    for seed in range(20):
        place, valid = another_text(same, torch.rand(4, 6, generator=torch.Generator().manual_seed(seed)))
        assert valid.all()
        assert not same[torch.arange(4), place].any()
    assert not another_text(same_text(told[:2]), torch.rand(2, 6))[1].any()


def test_a_wrong_pair_counts_only_where_there_is_one() -> None:
    real, fake = drawn(3, 2), drawn(2, 2, seed=1)
    with_pair, without = discriminator_loss(real, fake, torch.tensor([True, False]))
    softplus = F.softplus
    first = softplus(-real[0]) + softplus(fake[0]) + softplus(-real[1])
    assert float(with_pair) == pytest.approx(float(first[0] + (softplus(fake[1, 0]) + softplus(real[2, 0])) / 2) / 2)
    assert float(without) == pytest.approx(float(first[1] + softplus(fake[1, 1])) / 2)
    assert float(generator_loss(torch.zeros(2, 1))) == pytest.approx(math.log(2))


def test_kl_is_that_of_normal_distributions() -> None:
    mean, log_variance = drawn(3, 5), drawn(3, 5, seed=1)
    own = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    plain = torch.distributions.kl_divergence(own, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(kl_divergence(mean, log_variance), plain.mean(1), atol=1e-5)


@pytest.mark.parametrize("size", [32, 64])
def test_there_are_three_sizes_and_a_discriminator_for_each(size: int) -> None:
    system = text_system("attngan", size)
    told = tokens("large blob", "small bright blob")
    made = system.networks["generator"](torch.randn(2, system.z_dim), told, True)
    assert [tuple(one.shape) for one in made.images] == [(2, 1, size >> i, size >> i) for i in (2, 1, 0)]
    for one, image in zip((size >> 2, size >> 1, size), made.images, strict=True):
        judge = system.networks[f"discriminator_{one}"]
        assert judge(image).shape == (2,)
        assert judge(image, {"sentences": torch.stack([made.sentence] * 2)}).shape == (3, 2)
    assert made.sentence.shape == (2, 256)


def test_a_single_slice_keeps_its_axes() -> None:
    """`squeeze()` in the published code drops the axis of a batch of one."""
    system = text_system("attngan")
    for network in system.networks.values():
        network.eval()
    told = tokens("large blob")
    made = system.networks["generator"](torch.randn(1, system.z_dim), told, True)
    assert made.images[-1].shape == (1, 1, 32, 32)
    judge = system.networks["discriminator_32"]
    assert judge(made.images[-1]).shape == (1,)
    regions, whole = system.networks["regions"](made.images[-1])
    assert (regions.shape, whole.shape) == ((1, 64, 256), (1, 256))
    assert sentence_similarity(whole, made.sentence).shape == (1, 1)
    one = torch.ones(1, 1, dtype=torch.bool)
    assert word_similarity(regions, made.words, made.there).shape == (1, 1)
    assert float(matching_loss(torch.zeros(1, 1), one)) == 0.0


def test_every_network_gets_a_finite_gradient_in_its_own_phase_and_no_other() -> None:
    system = text_system("attngan")
    batch = Batch(torch.rand(4, 1, 32, 32) * 2 - 1, tokens("large blob", "small blob", "bright blob", "large blob"))

    class Bare:
        def __init__(self, network: nn.Module) -> None:
            self.network = network

        def __call__(self, *inputs: object) -> object:
            return self.network(*inputs)

        def bare(self, *inputs: object, twice: bool = False) -> object:
            return self.network(*inputs)

    networks = {name: Bare(network) for name, network in system.networks.items()}
    source = torch.Generator().manual_seed(0)
    moved: set[str] = set()
    for now in (Round(0, 4, 32), Round(10**6, 4, 32)):
        for phase in system.game.phases(networks, batch, system.game.draw(now, source)):
            for network in system.networks.values():
                network.zero_grad(set_to_none=True)
            terms = phase.terms()
            assert set(terms) | set(phase.watched()) <= set(system.game.columns())
            torch.stack(list(terms.values())).sum().backward()
            for name in phase.players:
                own = dict(system.networks[name].named_parameters())
                frozen = {key for key in own if name == "generator" and key.startswith("text.")}
                lacking = [key for key, p in own.items() if p.grad is None and key not in frozen]
                assert not lacking
                assert all(bool(torch.isfinite(p.grad).all()) for p in own.values() if p.grad is not None)
            if phase.players == ("generator",):
                assert all(p.grad is None for p in system.networks["text"].parameters())
            moved |= set(phase.players)
    assert moved == set(system.networks)


def test_the_sentence_alone_is_a_switch() -> None:
    with_words, without = text_system("attngan"), text_system("attngan", attention={"words": []})
    count = [
        sum(isinstance(m, WordAttention2d) for m in s.networks["generator"].modules()) for s in (with_words, without)
    ]
    assert count == [2, 0]
    told = tokens("large blob", "blob large")
    z = torch.randn(1, 8).expand(2, -1)
    for system in (with_words, without):
        generator = system.networks["generator"].eval()
        assert (generator(z, told)[0] - generator(z, told)[1]).abs().max() > 0
    with pytest.raises(UserError, match=r"attention\.words has 32, but attngan reads words at 8 and 16"):
        text_system("attngan", attention={"words": [32]})


def weights(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.checkpoint("last").glob("*.safetensors")}


@pytest.mark.slow
def test_a_training_goes_from_matching_to_the_game_and_resumes_to_the_same_weights(
    tiny_store: SliceStore, tmp_path: Path
) -> None:
    store = captioned_store(tmp_path / "store", tiny_store)

    def run(out: str, kimg: float, resume: bool = False) -> Run:
        config = text_config("attngan", model={"pretrain_kimg": 0.008}, train={"kimg": kimg, "log_kimg": 0.004})
        return train(config, store, tmp_path / out, resume=resume, progress=False)

    whole = run("whole", 0.024)
    for part in (0.004, 0.012):
        run(f"part-{part}", part)
        assert weights(run(f"part-{part}", 0.024, resume=True)) == weights(whole)
    logged = pd.read_csv(whole.path / "metrics.csv")
    assert logged["loss_match_words"].notna().tolist() == [True, True, False, False, False, False]
    assert logged["loss_generator"].notna().tolist() == [False, False, True, True, True, True]
    made = sample(whole, tmp_path / "s", count=2, values={"text": "small blob"})
    assert made.table["text"].tolist() == ["small blob"] * 2


def test_the_rate_of_the_discriminator_is_that_of_all_of_them() -> None:
    plain, faster = text_system("attngan"), text_system("attngan", optimizer={"discriminator_lr": 1e-3})
    judges = plain.game.judges  # type: ignore[attr-defined]
    assert faster.rates == {name: 1e-3 if name in judges else rate for name, rate in plain.rates.items()}
    assert len(judges) > 1
