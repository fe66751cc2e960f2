"""What is passed a few images at a time, or in tiles, is what is passed at once."""

import pytest
import torch

import tiny_latent
from debruit.autoencoders import bounded
from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.vq import VQ


@pytest.mark.parametrize(
    "codec", [tiny_latent.run().model.codec, Autoencoder(coder=tiny_latent.CODER, bottleneck=VQ(channels=2, codes=8))]
)
def test_few_at_a_time_is_all_at_once(codec, monkeypatch):
    torch.manual_seed(0)
    module, images, seen = codec.build(3).eval(), torch.rand(7, 3, 13, 10) * 2 - 1, []
    honest = module.encoder.forward
    module.encoder.forward = lambda x: seen.append(len(x)) or honest(x)
    monkeypatch.setattr(bounded, "PIXELS", 2 * 13 * 10)
    with torch.no_grad():
        law, whole = bounded.encode(module, images), module.encode(images)
        assert seen == [2, 2, 2, 1, 7]
        torch.testing.assert_close(law.mean, whole.mean)
        assert (law.std is None) is (whole.std is None)
        torch.testing.assert_close(bounded.decode(module, law.mean, (13, 10)), module.decode(whole.mean, (13, 10)))


def test_large_images_are_tiled(monkeypatch):
    torch.manual_seed(0)
    module, images, seen = tiny_latent.run().model.codec.build(1).eval(), torch.rand(1, 1, 1030, 40), []
    honest = module.encoder.forward
    module.encoder.forward = lambda x: seen.append(tuple(x.shape[2:])) or honest(x)
    with torch.no_grad():
        law = bounded.encode(module, images)
        assert law.mean.shape == (1, 2, 515, 20)
        assert len(seen) > 1
        assert max(max(shape) for shape in seen) <= 512
        assert bounded.decode(module, law.mean, (1030, 40)).shape == images.shape
