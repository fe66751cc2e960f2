"""The network's layers against the built module, its time encoding and its attention against NumPy."""

import base64
import dataclasses
import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import tiny
import torch
from lessons import Unshuffled, chained, fresh, unconditional
from test_page import browser, numbers, opened, page, reading  # noqa: F401 - browser is a fixture
from torch import nn

from debruit.conditioning.text import Text
from debruit.errors import InputError
from debruit.lecture import figures
from debruit.lecture.attention import BYTES, LARGEST_SIDE, attending, attention_maps, watching
from debruit.lecture.chapters.network import CHAPTER, LEVELS
from debruit.lecture.forward import forward
from debruit.lecture.network import anatomy
from debruit.lecture.study import begin
from debruit.lecture.time_encoding import time_encoding
from debruit.networks.attention import Attention, SelfAttention, SpatialTransformer
from debruit.networks.layers import sinusoidal
from debruit.networks.text_transformer import TextTransformer
from debruit.networks.unet import UNet
from debruit.text.wordpiece import WordPiece

WORDS = WordPiece.train(["a red apple", "a blue car", "two green trees"], 120)
TEXT = Text(tokenizer=WORDS, encoder=TextTransformer(width=6, depth=1, heads=2, length=14))
READS = dataclasses.replace(tiny.NETWORK, vector_channels=0, transformer_depth=1, token_channels=6, pooled_tokens=True)
DEEP = UNet(channels=8, multipliers=(1, 2, 3), blocks=2, attention=(1, 4), heads=2, groups=4, vector_channels=4)
KINDS = {
    "plain": dataclasses.replace(DEEP, middle_attention=False, attention=()),
    "deep": DEEP,
    "adm": dataclasses.replace(DEEP, time_embedding="scale_shift", resample="block"),
    "fold": dataclasses.replace(DEEP, resample="fold", patch=2, transformer_depth=2),
    "single": dataclasses.replace(DEEP, multipliers=(2,), blocks=1),
}


def reading_text():
    """A study of a model with cross-attention to a prompt."""
    return begin(chained(network=READS, conditioners=(TEXT,)), prompt="a red apple", seed=5)


def of(network, *, height=10, width=13, **changes):
    """A study of a model with this network, on images whose sides need padding."""
    data = dataclasses.replace(tiny.run().model.data, height=height, width=width)
    return begin(chained(network=network, data=data, **changes), label=3, seed=5)


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A network of other code, no U-Net."""

    doors: ClassVar[tuple[str, ...]] = ("vector",)
    vector_channels: int = 4
    stride: ClassVar[int] = 1

    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return _Plain(in_channels, out_channels)


class _Plain(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, 6, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(6, 6, 1) for _ in range(2))
        self.last = nn.Conv2d(6, out_channels, 3, padding=1)

    def forward(self, x, noise_level, cond=None):
        x = self.first(x) + noise_level[:, None, None, None] / 1000
        for block in self.blocks:
            x = torch.tanh(block(x))
        return self.last(x)


@pytest.mark.parametrize("kind", [*KINDS, "text"])
def test_every_layer_has_the_channels_and_the_size_of_the_module(kind):
    """Each path is hooked in a real call: the input's channels, the output's channels and size, in that order."""
    study = reading_text() if kind == "text" else of(KINDS[kind], learned_variance=kind == "adm")
    panel, network = anatomy(study), study.model.backbone.network
    layers = [layer for part in panel.parts for layer in part.layers]
    seen = []

    def watch(path):
        def hook(module, given, out):
            feature_map = out.ndim == 4
            size = tuple(out.shape[2:]) if feature_map else ()
            seen.append((path, given[0].shape[1], out.shape[1], size))

        return hook

    handles = [network.get_submodule(layer.path).register_forward_hook(watch(layer.path)) for layer in layers]
    study.estimate(torch.zeros_like(study.x0), torch.tensor([1]))
    for handle in handles:
        handle.remove()
    claimed = [(layer.path, layer.inputs, layer.outputs, layer.size) for layer in layers]
    assert sorted(claimed) == sorted(seen)
    hooked = [path for path, *_ in seen if not path.startswith(("time", "vector", "pooled"))]
    assert [layer.path for layer in layers if layer.size] == hooked, "in the order in which they run"
    for layer in layers:
        module = network.get_submodule(layer.path)
        if isinstance(module, (SelfAttention, SpatialTransformer)):
            inner = module if isinstance(module, SelfAttention) else module.blocks[0].attend_self
            assert layer.heads == inner.heads
            assert layer.tokens == (kind == "text")
        else:
            assert layer.heads == 0
    skips = [layer.skip for layer in layers if layer.path.startswith("up") and layer.kind == "residual"]
    ways = [
        [layer.outputs for layer in layers if layer.path.startswith(f"down.{n}.")][-1] for n in range(len(network.down))
    ]
    assert skips == [study.model.config.network.channels, *ways][::-1], "last in, first out"


@pytest.mark.parametrize("kind", [*KINDS, "text"])
def test_parameters_and_operations_add_up(kind):
    """Every parameter of the module is in one layer; operations are 2 for each multiplication and addition."""
    study = reading_text() if kind == "text" else of(KINDS[kind])
    panel = anatomy(study)
    counted = sum(p.numel() for p in study.model.backbone.network.parameters())
    assert panel.parameters == counted == sum(part.parameters for part in panel.parts)
    assert panel.operations == sum(part.operations for part in panel.parts)
    for layer in (layer for part in panel.parts for layer in part.layers):
        module = study.model.backbone.network.get_submodule(layer.path)
        positions = int(np.prod(layer.size)) if layer.size else 1
        if isinstance(module, nn.Linear):
            assert layer.operations == 2 * layer.inputs * layer.outputs
            assert layer.parameters == layer.inputs * layer.outputs + (layer.outputs if module.bias is not None else 0)
        elif isinstance(module, nn.Conv2d):
            assert layer.operations == 2 * 9 * layer.inputs * layer.outputs * positions
            assert layer.parameters == (9 * layer.inputs + 1) * layer.outputs
        elif isinstance(module, SelfAttention):
            c, n = layer.inputs, positions
            assert layer.operations == 2 * (3 * c * c * n + c * c * n + 2 * c * n * n), "Q K V, output, Q K^T and A V"
            assert layer.parameters == 2 * c + 3 * c * (c + 1) + c * (c + 1)


def test_a_network_that_is_no_unet_is_a_sequence():
    study = begin(chained(network=Plain()), label=3, seed=5)
    panel = anatomy(study)
    assert [(p.path, p.kind, p.inputs, p.outputs) for p in panel.parts[0].layers] == [
        ("first", "Conv2d", 1, 6),
        ("blocks.0", "Conv2d", 6, 6),
        ("blocks.1", "Conv2d", 6, 6),
        ("last", "Conv2d", 6, 1),
    ]
    assert panel.operations == 2 * 64 * (9 * 6 + 2 * 36 + 9 * 6)
    assert time_encoding(study) is None
    assert attention_maps(study) is None
    with pytest.raises(InputError, match="Plain is no U-Net"):
        figures.network_diagram(panel)


def encoded(tau, channels, period=10_000.0):
    """The sinusoidal encoding, written again."""
    half = channels // 2
    angles = np.asarray(tau)[:, None] * period ** (-np.arange(half) / half)
    pair = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return np.pad(pair, ((0, 0), (0, channels - 2 * half)))


@pytest.mark.parametrize("channels", [8, 9])
@pytest.mark.parametrize("continuous", [False, True])
def test_the_time_encoding_is_the_formula_and_what_the_network_is_given(channels, continuous, short):
    network = dataclasses.replace(tiny.NETWORK, channels=channels, heads=1)
    model = (fresh if continuous else chained)(network=network, time_offset=-1.0)
    study = begin(model, label=3, seed=5)
    panel = time_encoding(study)
    assert panel is not None
    if not continuous:
        np.testing.assert_allclose(panel.tau, 1000 * np.array(panel.steps) / 12 - 1)
    expected = encoded(panel.tau, channels)
    np.testing.assert_allclose(panel.encodings, expected, atol=1e-4)
    half = channels // 2
    frequencies = 10_000.0 ** (-np.arange(half) / half)
    apart = np.asarray(panel.tau)[:, None] - np.asarray(panel.tau)[None]
    np.testing.assert_allclose(panel.similarity, np.cos(apart[..., None] * frequencies).mean(-1), atol=1e-4)
    assert panel.similarity.diagonal() == pytest.approx(1, abs=1e-5)
    given = []
    handle = study.model.backbone.network.time.register_forward_hook(lambda module, x, out: given.append((x[0], out)))
    study.estimate(study.x0.expand(len(panel.steps), -1, -1, -1), torch.tensor(panel.steps))
    handle.remove()
    np.testing.assert_allclose(given[0][0], expected, atol=1e-4)
    out = given[0][1].double().numpy()
    out = out / np.linalg.norm(out, axis=1, keepdims=True)
    np.testing.assert_allclose(panel.learned, out @ out.T, atol=1e-4)
    assert panel.period == 10_000
    torch.testing.assert_close(sinusoidal(panel.tau.float(), channels), panel.encodings)


def softmax(scores):
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def split(x, heads):
    """(B, N, heads d) -> (B, heads, N, d)."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


@pytest.mark.parametrize("heads", [1, 4])
def test_weights_of_self_attention(heads):
    """Rows sum to 1, are the softmax of captured q and k, and give the module's own output with captured v; hooks and
    weights leave that output as it is, bit for bit."""
    torch.manual_seed(0)
    module = SelfAttention(16, heads, groups=4)
    nn.init.normal_(module.proj.weight)
    x = torch.randn(2, 16, 3, 5)
    with torch.no_grad():
        plain = module(x)
        weights, captured = module.weights(x), []
        handle = module.qkv.register_forward_hook(lambda layer, given, out: captured.append(out.double().numpy()))
        assert torch.equal(module(x), plain)
        handle.remove()
        some = module.weights(x, torch.tensor([0, 7]))
    q, k, v = (split(part, heads) for part in np.split(captured[0], 3, axis=-1))
    expected = softmax(q @ k.transpose(0, 1, 3, 2) / np.sqrt(16 // heads))
    assert weights.shape == (2, heads, 15, 15)
    assert weights.sum(-1).numpy() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    torch.testing.assert_close(some, weights[:, :, [0, 7]])
    mixed = (weights.double().numpy() @ v).transpose(0, 2, 1, 3).reshape(2, 15, 16)
    out = mixed @ module.proj.weight.detach().double().numpy().T + module.proj.bias.detach().numpy()
    recomputed = x.numpy() + out.transpose(0, 2, 1).reshape(2, 16, 3, 5)
    np.testing.assert_allclose(recomputed, plain, atol=1e-5)


def test_weights_of_cross_attention():
    torch.manual_seed(0)
    module = Attention(12, 6, 3)
    x, context, seen = torch.randn(2, 4, 12), torch.randn(2, 5, 6), torch.arange(5) < torch.tensor([[5], [2]])
    with torch.no_grad():
        for mask in (None, seen):
            weights = module.weights(x, context, mask)
            q, k, v = (
                split(layer(given).numpy(), 3)
                for layer, given in ((module.q, x), (module.k, context), (module.v, context))
            )
            scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(4)
            if mask is not None:
                scores = np.where(mask.numpy()[:, None, None], scores, -np.inf)
            np.testing.assert_allclose(weights, softmax(scores), atol=1e-6)
            mixed = torch.from_numpy((weights.numpy() @ v).transpose(0, 2, 1, 3).reshape(2, 4, 12))
            torch.testing.assert_close(module.proj(mixed), module(x, context, mask), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["deep", "fold", "text"])
def test_the_maps_are_those_of_a_real_call(kind):
    """Inside of `watching` the estimate is unchanged, and each map is the softmax of what its module was given."""
    study = reading_text() if kind == "text" else of(KINDS[kind], height=6, width=7)
    panel, network = attention_maps(study), study.model.backbone.network
    assert panel is not None
    assert [m.layer.path for m in panel.maps] == [path for path, _ in attending(network)]
    x_t, steps = forward(study).x_t[panel.frames], torch.tensor(panel.steps)
    whole = {}
    with watching(network, lambda path, ask: whole.setdefault(path, ask)):
        watched = study.estimate(x_t, steps)
    assert torch.equal(watched.x0, study.estimate(x_t, steps).x0)
    sizes = {layer.path: layer.size for part in anatomy(study).parts for layer in part.layers if layer.heads}
    for m in panel.maps:
        layer = m.layer
        assert layer.grid == next(size for path, size in sizes.items() if layer.path.startswith(path))
        grid = (len(m.rows), len(m.columns))
        assert m.weights.shape == (9, 1 + (layer.heads if layer.heads > 1 else 0), *grid, int(np.prod(m.keys)))
        assert m.weights.sum(-1).numpy() == pytest.approx(1, abs=1e-5)
        torch.testing.assert_close(m.weights[:, 0], m.weights[:, 1:].mean(1) if layer.heads > 1 else m.weights[:, 0])
        queries = torch.tensor([r * layer.grid[1] + c for r in m.rows for c in m.columns])
        with torch.inference_mode():
            own = whole[layer.path](queries)
        if layer.cross:
            names = [WORDS.vocabulary[n] for n in WORDS.encode(["a red apple"], 14)[0].tolist()]
            length = names.index("[PAD]")
            assert panel.tokens == [*names[:length], f"[PAD] × {14 - length}"]
            own = torch.cat([own[..., :length], own[..., length:].sum(-1, keepdim=True)], dim=-1)
        entropy = -(own.mean(1) * own.mean(1).log()).sum(-1)
        if layer.heads > 1:
            torch.testing.assert_close(m.weights[:, 1:].flatten(2, 3), own)
        if not layer.cross:
            torch.testing.assert_close(m.spread[:, 0].flatten(1), entropy.exp(), rtol=1e-4, atol=1e-4)


def test_large_maps_are_made_smaller():
    """More than 16 positions a side: queries are picked, keys are summed over blocks, and rows still sum to 1."""
    network = dataclasses.replace(tiny.NETWORK, attention=(1,), heads=1)
    study = of(network, height=38, width=22)
    panel = attention_maps(study)
    assert panel is not None
    assert sum(m.weights.numel() for m in panel.maps) <= BYTES
    first = panel.maps[0]
    assert first.layer.grid == (38, 22)
    assert first.keys == (13, 8)
    assert max(first.keys) <= LARGEST_SIDE
    assert first.weights.sum(-1).numpy() == pytest.approx(1, abs=1e-5)
    module, given = study.model.backbone.network.down[0][1], []
    handle = module.register_forward_hook(lambda layer, x, out: given.append(x[0]))
    study.estimate(forward(study).x_t[panel.frames], torch.tensor(panel.steps))
    handle.remove()
    with torch.inference_mode():
        whole = module.weights(given[-1])[:, 0].unflatten(-1, (38, 22)).numpy()
    r, c = 1, 2
    query = whole[4, first.rows[r] * 22 + first.columns[c]]
    blocks = np.array([[query[3 * a : 3 * a + 3, 3 * b : 3 * b + 3].sum() for b in range(8)] for a in range(13)])
    np.testing.assert_allclose(first.weights[4, 0, r, c], blocks.flatten(), atol=1e-6)


KINDS_OF_STUDY = {
    "chain": lambda: begin(chained(), label=3, seed=5),
    "continuous": lambda: begin(fresh(), label=3, seed=5),
    "latent": lambda: begin(fresh(codec=Unshuffled(), data_std=0.25), label=2, seed=1),
    "unconditional": lambda: begin(unconditional(), seed=1),
    "text": reading_text,
    "sequence": lambda: begin(chained(network=Plain()), label=3, seed=5),
    "no attention": lambda: of(KINDS["plain"]),
}


@pytest.mark.parametrize("kind", KINDS_OF_STUDY)
def test_the_numbers_are_json_for_every_model(kind, short):
    study = KINDS_OF_STUDY[kind]()
    made = CHAPTER.numbers(study)
    assert made is not None
    json.dumps(made, allow_nan=False)
    assert (made["time"] is None) == (kind == "sequence")
    assert (made["attention"] is None) == (kind in ("sequence", "no attention"))
    assert made["parameters"] == sum(p.numel() for p in study.model.backbone.network.parameters())


def test_the_drawing_lists_its_layers_and_the_time_moves(browser, study, tmp_path, only):  # noqa: F811
    only("network")
    tab, complaints = opened(browser, tmp_path / "p.html", page(study))
    panel, encoding = anatomy(study), time_encoding(study)
    boxes = tab.locator("#panel-network .box[role=button]")
    assert boxes.count() == len(panel.parts)
    for n in range(boxes.count()):
        boxes.nth(n).focus()
        part = panel.parts[tab.evaluate("state.part")]
        paths = tab.locator("#panel-network table.layers code").all_inner_texts()
        assert paths == [layer.path for layer in part.layers]
        shown = [text.replace(",", "") for text in tab.locator("#panel-network table.layers .value").all_inner_texts()]
        assert str(part.layers[0].parameters) in shown
    assert reading(tab, "network")[0] == f"{panel.parameters:,}"
    for k in (0, 7):
        tab.fill("#t", str(k))
        shown = reading(tab, "network")
        at = 2 + 1  # parameters, operations, one size with attention
        read = [float(text.replace(",", "").split()[0]) for text in shown[at : at + 5]]
        tau, half, fast, slow, neighbour = read
        assert tau == pytest.approx(1000 * encoding.steps[k] / 12, rel=1e-5)
        assert (half, fast) == (4, pytest.approx(2 * np.pi, rel=1e-2))
        assert slow == pytest.approx(2 * np.pi * 10_000 ** (3 / 4), rel=1e-2)
        frequencies = 10_000.0 ** (-np.arange(4) / 4)
        assert neighbour == pytest.approx(np.cos(1000 / 12 * frequencies).mean(), rel=1e-2)
    tab.click("[data-language=fr]")
    assert "connexion directe" in tab.inner_text("#panel-network")
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints == []


def grey_levels(tab, head, maps):
    """The middle of each cell of a head's map, from 0 to 1."""
    rows, columns = maps.keys
    return tab.evaluate(
        """([n, rows, columns]) => {
          const map = document.querySelectorAll("#panel-network .maps canvas")[n];
          const copy = document.createElement("canvas"), side = map.width / columns;
          Object.assign(copy, { width: map.width, height: map.height });
          const on = copy.getContext("2d", { willReadFrequently: true });
          on.drawImage(map, 0, 0);
          const at = (cell) => Math.round((cell + 0.5) * side);
          const read = (c, r) => on.getImageData(at(c), at(r), 1, 1).data[0];
          return Array.from({ length: rows * columns }, (_, k) => read(k % columns, Math.floor(k / columns)) / 255);
        }""",
        [2 + head, rows, columns],
    )


def test_the_script_decodes_the_weights_and_every_control_moves(browser, tmp_path, only):  # noqa: F811
    only("network")
    study = reading_text()
    text = page(study)
    tab, complaints = opened(browser, tmp_path / "p.html", text, viewport={"width": 390, "height": 800})
    panel = attention_maps(study)
    made = numbers(text)["network"]["attention"]
    assert len(base64.b64decode(made["layers"][0]["bytes"].partition(",")[2])) > 0
    tab.click("[data-language=en]")
    canvases = "#panel-network .maps canvas"
    seen = set()
    for n, m in enumerate(panel.maps):
        tab.select_option("#net-layer", str(n))
        for head in range(m.weights.shape[1]):
            if m.weights.shape[1] > 1:
                tab.select_option("#net-head", str(head))
            for time, (k, row, column) in enumerate([(0, 0, 0), (panel.frames[-1], 5, 6)]):
                tab.evaluate(f"state.k = {k}; choose({row}, {column})")
                decoded = tab.evaluate(
                    "(() => { const layer = weightsOf(NET.attention.layers[state.layer]); return layer.asking(); })()"
                )
                assert decoded == [row // m.layer.factor, column // m.layer.factor]
                expected = m.weights[-1 if time else 0, head, decoded[0], decoded[1]]
                largest, equal = (float(v.split()[0]) for v in reading(tab, "network")[-3:-1])
                assert largest == pytest.approx(float(expected.max()), rel=6e-3)
                assert equal == pytest.approx(1 / m.seen, rel=6e-3)
                effective = float(reading(tab, "network")[-1].split("/")[0])
                assert effective == pytest.approx(float(m.spread[-1 if time else 0, head, *decoded]), rel=6e-3)
                seen.add(tab.eval_on_selector_all(canvases, "all => all.map((c) => c.toDataURL()).join()"))
                if not m.layer.cross:
                    shown = grey_levels(tab, head, m)
                    np.testing.assert_allclose(shown, expected / expected.max(), atol=1 / LEVELS + 1 / 255)
        if m.layer.cross:
            shown = [float(v) for v in tab.locator("#panel-network .words b").all_inner_texts()]
            np.testing.assert_allclose(shown, expected, atol=float(expected.max()) / LEVELS + 0.006)
            tab.select_option("#net-token", "3")
            seen.add(tab.eval_on_selector_all(canvases, "all => all.map((c) => c.toDataURL()).join()"))
        else:
            assert not tab.is_visible("#net-token")
    assert len(seen) > 2 * len(panel.maps), "the maps change with layer, head, time, pixel and token"
    tab.focus("#panel-network .maps .choose")
    tab.keyboard.press("ArrowUp")
    assert tab.evaluate("state.row") == 4
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []


def test_a_network_that_is_no_unet_has_its_page(browser, tmp_path):  # noqa: F811
    study = begin(chained(network=Plain()), label=3, seed=5)
    tab, complaints = opened(browser, tmp_path / "p.html", page(study, "fr"))
    shown = tab.inner_text("#panel-network")
    assert "ce réseau est d'une autre sorte" in shown
    assert "autrement que par l'encodage" in shown
    assert tab.locator("#panel-network .flow .step").count() == 4
    assert complaints == []


def test_the_figures(study):
    panel, maps, encoding = anatomy(study), attention_maps(study), time_encoding(study)
    for figure in (figures.network_diagram(panel), figures.network_diagram(anatomy(of(DEEP)))):
        figure.canvas.draw()
    words = [text.get_text() for text in figures.network_diagram(panel).axes[0].texts]
    assert "16 channels, 4 x 4\nR A R" in words
    figure = figures.time_encodings(encoding)
    figure.canvas.draw()
    np.testing.assert_allclose(figure.axes[0].get_images()[0].get_array(), encoding.curve.T)
    figure = figures.attention_map(maps, layer=1, row=2, column=3)
    figure.canvas.draw()
    shown = figure.axes[-1].get_images()[0].get_array()
    np.testing.assert_allclose(np.asarray(shown).flatten(), maps.maps[1].weights[-1, 0, 2, 3])
    figures.attention_map(attention_maps(reading_text()), layer=1).canvas.draw()
    with pytest.raises(InputError, match="no attention layer 9"):
        figures.attention_map(maps, layer=9)
    with pytest.raises(InputError, match=r"no position \(4, 0\)"):
        figures.attention_map(maps, row=4)


@pytest.mark.parametrize("kind", ["chain", "text", "sequence", "no attention"])
def test_the_chapter_states_its_evaluations(kind):
    study = KINDS_OF_STUDY[kind]()
    study.once(forward)
    batches = []
    handle = study.model.backbone.register_forward_pre_hook(lambda module, given: batches.append(len(given[0])))
    CHAPTER.numbers(study)
    handle.remove()
    assert [c.batch for c in CHAPTER.calls(study) for _ in range(c.count)] == batches
