"""`debruit edit` and `debruit upscale` as a user meets them: files in, files out, and the sentences."""

import numpy as np
import pytest
from hearing import noticed
from PIL import Image

import painted
from debruit.apps.cli import main
from debruit.conditioning.low_res import LowRes


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with models, photographs of 16 and other sizes, and masks."""
    folder = tmp_path_factory.mktemp("edit")
    painted.model(labels=True).save(folder / "c.safetensors")
    painted.model(latent=True).save(folder / "l.safetensors")
    painted.model(depth="uint16", channels=1).save(folder / "deep.safetensors")
    painted.model(conditioners=[LowRes()]).save(folder / "sr.safetensors")
    for k, pixels in enumerate(painted.photos(2)):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / f"{k}.png")
    Image.open(folder / "0.png").resize((40, 20)).save(folder / "wide.png")
    Image.fromarray(painted.photos(1, "uint16", 1)[0, 0].numpy()).save(folder / "deep.png")
    mask = np.zeros((16, 16), np.uint8)
    mask[4:9, 5:12] = 255
    Image.fromarray(mask).save(folder / "hole.png")
    Image.fromarray(mask).resize((32, 32)).save(folder / "large-hole.png")
    Image.fromarray(mask * 0).save(folder / "black.png")
    Image.fromarray(mask * 0 + 255).save(folder / "white.png")
    Image.fromarray(np.zeros((16, 16), np.float32)).save(folder / "float.tiff")
    (folder / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def ran(line):
    assert main(line.split()) == 0


def refused(capsys, line):
    code = main(line.split())
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.startswith("debruit: ")
    assert captured.err.count("\n") == 1, "one sentence"
    return captured.err


def test_strength_writes_one_image_or_a_grid_or_files(capsys):
    ran("edit c.safetensors --image 0.png --strength 0.7")
    assert "1 image by --strength, seed 0 -> 0-strength.png" in capsys.readouterr().out
    assert pixels("0-strength.png").shape == (16, 16, 3)
    ran("edit c.safetensors --image 0.png --strength 0.7 -n 2 --label cats --guidance 2 --out many")
    first, second = pixels("many/000000.png"), pixels("many/000001.png")
    assert (first != second).any(), "each has its own noise"
    ran("edit c.safetensors --image 0.png --strength 0.7 -n 2 --seed 1 --out grid.png")
    assert Image.open("grid.png").width > 2 * 16
    ran("edit c.safetensors --image 0.png --strength 1 --steps 2 --set sampler.churn=0.1 --out a.npy")
    assert np.load("a.npy").shape == (1, 3, 16, 16)


@pytest.mark.parametrize("model", ["c", "l"])
def test_inpainting_keeps_the_file_outside_of_the_mask(model, capsys):
    ran(f"edit {model}.safetensors --image 0.png --inpaint large-hole.png --resamplings 2 --jump-length 2 --out x.png")
    assert "large-hole.png is 32 x 32 pixels and the model's images 16 x 16: it was resized" in capsys.readouterr().out
    changed = (pixels("x.png") != pixels("0.png")).any(2)
    hole = pixels("hole.png") > 0
    assert changed[hole].any()
    assert not changed[~hole].any()


def test_sixteen_bits_stay_sixteen():
    ran("edit deep.safetensors --image deep.png --inpaint hole.png --out deep-x.png")
    before, after, hole = pixels("deep.png"), pixels("deep-x.png"), pixels("hole.png") > 0
    assert before.max() > 255
    assert (after[~hole] == before[~hole]).all()
    assert (after[hole] != before[hole]).any()


def test_outpainting():
    ran("edit c.safetensors --image 0.png --outpaint 2,0,4,1 --resamplings 1 --out o.png")
    assert (pixels("o.png")[:16, 2:18] == pixels("0.png")).all()
    assert pixels("o.png").shape == (17, 22, 3)
    ran("edit c.safetensors --image 0.png --outpaint 3 --resamplings 1 -n 2 --out o.npy")
    assert np.load("o.npy").shape == (2, 3, 22, 22)


def test_variations_and_interpolation(capsys):
    ran("edit c.safetensors --image 0.png --variations 3 --amount 0.5 --out v.npy")
    assert np.load("v.npy").shape == (3, 3, 16, 16)
    ran("edit c.safetensors --interpolate 0.png 1.png --frames 4 --out i.png")
    assert Image.open("i.png").width > 3 * Image.open("i.png").height
    for kind in ("gif", "webp"):
        ran(f"edit c.safetensors --interpolate 0.png 1.png --out i.{kind}")
        assert Image.open(f"i.{kind}").n_frames == 9
    ran("edit c.safetensors --image 0.png --variations 1 --sampler ancestral --out v.png")
    said = capsys.readouterr().out
    assert said.count("ancestral cannot be run backwards: heun without noise is used instead") == 1


@pytest.mark.parametrize(("model", "shape", "codec"), [("c", (1, 3, 16, 16), False), ("l", (1, 2, 8, 8), True)])
def test_inversion_writes_the_noise_and_what_it_gives(model, shape, codec, capsys):
    ran(f"edit {model}.safetensors --image 0.png --invert --steps 12 --out back.png")
    said = capsys.readouterr().out
    assert "PSNR of the round trip" in said
    assert "dB" in said
    assert ("autoencoder alone" in said) == codec
    noise = np.load("back.npy")
    assert noise.shape == shape
    assert noise.dtype == np.float32
    assert pixels("back.png").shape == (16, 16, 3)


def test_an_image_of_another_size_is_brought_to_the_models(capsys):
    ran("edit c.safetensors --image wide.png --strength 0.4 --out w.png")
    assert (
        "wide.png is 40 x 20 pixels and the model's images 16 x 16: its central part was resized"
        in capsys.readouterr().out
    )
    ran("edit c.safetensors --image deep.png --strength 0.4 --out w.png")
    assert "deep.png has 16 bits a value and the model's images 8: it was rounded" in capsys.readouterr().out
    ran("edit deep.safetensors --image 0.png --strength 0.4 --out w.png")
    assert pixels("w.png").max() <= 4095


def test_upscaling(capsys):
    ran("upscale sr.safetensors --image wide.png")
    assert "wide.png x 4: 160 x 80 pixels, seed 0 -> wide-upscaled.png" in capsys.readouterr().out
    assert pixels("wide-upscaled.png").shape == (80, 160, 3)
    ran("upscale sr.safetensors --image 0.png -n 2 --steps 2 --out u.npy")
    found = np.load("u.npy")
    assert found.shape == (2, 3, 64, 64)
    assert (found[0] != found[1]).any()


def test_bad_requests(capsys):
    edit = "edit c.safetensors "
    cases = {
        edit + "--image 0.png": "name an edit: give one of --strength, --inpaint",
        edit + "--image 0.png --strength 0.5 --invert": "--strength and --invert were given together: give one of",
        edit + "--strength 0.5": "name the image to edit: --image FILE",
        edit
        + "--image 0.png --interpolate 0.png 1.png": "--interpolate names its two images itself: leave --image out",
        edit + "--image 0.png --strength 0.5 --frames 3": "--frames belongs to --interpolate, and this is --strength",
        edit + "--image 0.png --strength 0.5 --jump-length 3": "--jump-length belongs to --inpaint and --outpaint",
        edit
        + "--image 0.png --variations 2 -n 3": "-n 3 does not go with --variations: set their number with --variations "
        "N",
        edit + "--image 0.png --variations 0": "0 images requested",
        edit + "--image 0.png --strength 0.5 -n 0": "0 images requested",
        edit + "--image 0.png --strength 0": "a strength of 0: give more than 0",
        edit + "--image 0.png --strength 0.5 --out x.jpg": "--out x.jpg: give FILE.png or FILE.npy, or a folder",
        edit
        + "--interpolate 0.png 1.png --out x.mp4": "give FILE.png or FILE.npy or FILE.gif or FILE.webp, or a folder",
        edit + "--image 0.png --invert --out folder": "--out folder: give FILE.png",
        edit + "--image 0.png --outpaint wide": "--outpaint wide: give the pixels on each side",
        edit + "--image 0.png --outpaint 1,2": "LEFT,TOP,RIGHT,BOTTOM",
        edit + "--image 0.png --outpaint 0": "more than 0 on one",
        edit + "--image nowhere.png --invert": "the image nowhere.png cannot be read: no such file",
        edit + "--image broken.png --invert": "the image broken.png cannot be read",
        edit + "--image float.tiff --invert": "float.tiff holds floating-point values and the model's images are uint8",
        edit + "--image 0.png --inpaint nowhere.png": "the mask nowhere.png cannot be read",
        edit + "--image 0.png --inpaint black.png": "black.png has no white, which marks what to repaint",
        edit + "--image 0.png --inpaint white.png": "white.png is white everywhere, so nothing is kept",
        edit + "--image 0.png --strength 0.5 --label cat": "did you mean 'cats'?",
        edit + "--image 0.png --strength 0.5 --prompt x": "a prompt was given",
        edit + "--image 0.png --strength 0.5 --guidance 2": "guidance weighs a condition, and none was given",
        edit + "--image 0.png --strength 0.5 --sampler hein": "did you mean 'heun'?",
        edit + "--image 0.png --strength 0.5 --batch 0": "a batch of 0 images",
        edit + "--image 0.png --strength 0.5 --set stepz=3": "did you mean 'steps'?",
        "edit nowhere --image 0.png --invert": "there is no model at nowhere",
        "upscale c.safetensors --image 0.png": "this model enlarges no images, since it was trained with label",
        "upscale sr.safetensors --image 0.png -n 0": "0 images requested",
        "upscale sr.safetensors --image 0.png --out x.gif": "--out x.gif: give FILE.png or FILE.npy, or a folder",
        "upscale sr.safetensors --image nowhere.png": "the image nowhere.png cannot be read",
    }
    for line, sentence in cases.items():
        assert sentence in refused(capsys, line), line


def test_the_crop_of_a_mask_is_that_of_its_image(tmp_path):
    """A mask drawn on a wide photograph marks the same things after both are brought to the model's size."""
    from debruit.editing.reading import read_image, read_region

    shown = np.zeros((24, 48), np.uint8)
    shown[6:18, 18:27] = 255
    Image.fromarray(shown).save(tmp_path / "both.png")
    spec = painted.spec(channels=1)
    with noticed(match="its central part was resized"):
        region, image = read_region(tmp_path / "both.png", spec), read_image(tmp_path / "both.png", spec)
    assert ((image[0] > 127) == region).float().mean() > 0.97
    assert region[:, 0].sum() == 0
    assert region.sum() == pytest.approx(8 * 6, abs=8)


def test_channels_that_no_file_has():
    from debruit.editing.reading import read_image
    from debruit.errors import InputError

    with pytest.raises(InputError, match="the model's images have 5 channels, which no image file has"):
        read_image("0.png", painted.spec(channels=5))
