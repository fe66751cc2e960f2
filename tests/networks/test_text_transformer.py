"""The encoder of captions: the reference's count, and parity with torch's own transformer."""

import pytest
import torch
from torch import nn

from debruit.errors import InputError
from debruit.networks.text_transformer import TextTransformer

REFERENCE = {"width": 1280, "depth": 32, "heads": 8, "head_channels": 64, "length": 77}


def test_the_references_number_of_parameters_exactly():
    """581.99 M with the output layer that the release carries and nothing uses."""
    with torch.device("meta"):
        released, ours = (TextTransformer(**REFERENCE, vocabulary_head=head).build(30_522) for head in (True, False))
        assert ours(torch.zeros(2, 77, dtype=torch.int64)).shape == (2, 77, 1280)
    counts = [sum(p.numel() for p in module.parameters()) for module in (released, ours)]
    assert counts == [581_994_042, 581_994_042 - (1280 * 30_522 + 30_522)]


def randomised(module: nn.Module) -> nn.Module:
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=g))
    return module


def test_parity_with_torchs_transformer():
    width, heads, depth = 24, 3, 2
    ours = randomised(TextTransformer(width=width, depth=depth, heads=heads, length=10).build(40))
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)
    with torch.no_grad():
        for mine, its in zip(ours.blocks, theirs.layers, strict=True):
            its.self_attn.in_proj_weight.copy_(
                torch.cat([mine.attend.q.weight, mine.attend.k.weight, mine.attend.v.weight])
            )
            its.self_attn.in_proj_bias.zero_()
            pairs = [
                (its.self_attn.out_proj, mine.attend.proj),
                (its.norm1, mine.norm_attend),
                (its.norm2, mine.norm_feed),
                (its.linear1, mine.feed[0]),
                (its.linear2, mine.feed[2]),
            ]
            for to, source in pairs:
                to.load_state_dict(source.state_dict())
        theirs.norm.load_state_dict(ours.norm.state_dict())
        ids = torch.randint(0, 40, (3, 10), generator=torch.Generator().manual_seed(1))
        expected = theirs(ours.word_embedding(ids) + ours.position_embedding)
        torch.testing.assert_close(ours(ids), expected, rtol=1e-5, atol=1e-5)


def test_every_piece_sees_every_other_and_its_own_place():
    module = randomised(TextTransformer(width=16, depth=1, heads=2, head_channels=3, length=6).build(20))
    ids = torch.tensor([[1, 2, 3, 4, 0, 0]])
    out, changed = module(ids), module(torch.tensor([[1, 2, 3, 4, 0, 5]]))
    assert (out != changed).any(dim=-1).all(), "there is no mask"
    swapped = module(torch.tensor([[2, 1, 3, 4, 0, 0]]))
    assert not torch.allclose(out[:, [1, 0]], swapped[:, :2]), "order matters"
    assert torch.equal(module(ids.expand(4, -1)), out.expand(4, -1, -1)) or torch.allclose(
        module(ids.expand(4, -1)), out.expand(4, -1, -1), atol=1e-6
    )


def test_it_starts_as_the_norm_of_its_embeddings():
    module = TextTransformer(width=16, depth=3, heads=2, length=6).build(20)
    ids = torch.tensor([[1, 2, 3, 4, 0, 0]])
    embedded = module.word_embedding(ids) + module.position_embedding
    torch.testing.assert_close(module(ids), module.norm(embedded))


def test_settings_that_make_no_encoder():
    with pytest.raises(InputError, match="3 heads do not divide a text encoder's width of 128: set encoder.heads"):
        TextTransformer(heads=3)
    for odd in ({"depth": 0}, {"width": 0}, {"length": 2}, {"heads": 0}, {"head_channels": -1}):
        with pytest.raises(
            InputError, match=r"a text encoder of width .*: each is at least 1, and the length at least 3"
        ):
            TextTransformer(**odd)


def test_hidden_padding_is_seen_by_nothing_and_comes_out_as_zeros():
    module = randomised(TextTransformer(width=16, depth=2, heads=2, length=8, padding="hidden").build(20, pad=7))
    short, long = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 2, 3, 7, 7, 7, 7, 7]])
    out = module(long)
    torch.testing.assert_close(out[:, :3], module(short), rtol=1e-5, atol=1e-6)
    assert (out[:, 3:] == 0).all()
    seen = randomised(TextTransformer(width=16, depth=2, heads=2, length=8).build(20, pad=7))
    assert not torch.allclose(seen(long)[:, :3], seen(short), atol=1e-3)
