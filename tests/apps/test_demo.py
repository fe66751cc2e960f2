"""make demo, in seconds: it trains, draws its three pictures, and says what to try next."""

from PIL import Image

from debruit.apps import demo

SMALL = [
    "model.network.channels=8", "model.network.head_channels=8", "model.network.groups=4", "batch=16",
    "autoencoder.model.codec.coder.channels=8", "autoencoder.model.codec.coder.groups=4",
    "autoencoder.criterion.perceptual=null",
]  # fmt: skip


def test_the_demo_makes_its_pictures(tmp_path, capsys, monkeypatch):
    changes = [part for change in SMALL for part in ("--set", change)]
    demo.main(["--minutes", "0.2", "--source", "digits", "--out", str(tmp_path / "demo"), *changes])
    for name in ("prompts", "samples", "denoising", "reconstruction", "loss"):
        picture = Image.open(tmp_path / "demo" / f"{name}.png")
        assert min(picture.size) > 100
        assert len(picture.convert("RGB").getcolors(2**24) or []) > 10, f"{name}.png is blank"
    said = capsys.readouterr().out
    for part in ("stage 1   an autoencoder", "M parameters", "ETA", "Try next", "debruit sample", "--resume"):
        assert part in said, part
