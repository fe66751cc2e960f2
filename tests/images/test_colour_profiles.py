"""Pictures show the colours that their profiles say, whatever kind of profile and of file; profiles are made here, byte
by byte."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from debruit.data.sources.folder import Folder
from debruit.images.pixels import Target, decode, read_header

SHOWN = (40, 160, 60)
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
IN_ADOBE, IN_P3 = (96, 159, 70), (81, 156, 75)  # what the photographs hold where they show SHOWN
D50 = (0.9642, 1.0, 0.8249)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    text = b"made by a test"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(79),
        b"cprt": b"text\0\0\0\0-\0",
        b"wtpt": b"XYZ " + bytes(4) + fixed(*D50),
        **tags,
    }
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        tag += bytes(-len(tag) % 4)
        table, body = table + name + struct.pack(">II", start + len(body), len(tag)), body + tag
    head = (
        struct.pack(
            ">I4sI4s4s4s12s4s",
            start + len(body),
            b"",
            0x02200000,
            b"scnr" if space == b"GRAY" else b"prtr" if space == b"CMYK" else b"mntr",
            space,
            connection,
            bytes(12),
            b"acsp",
        )
        + bytes(28)
        + fixed(*D50)
    )
    return head.ljust(128, b"\0") + table + body


def rgb_profile(primaries, curve: bytes) -> bytes:
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    scaled = columns * np.linalg.solve(columns, white)
    adapted = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ D50) / (BRADFORD @ white)) @ BRADFORD @ scaled
    tags = {
        name: b"XYZ " + bytes(4) + fixed(*column)
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T, strict=True)
    }
    return profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256)) + bytes(2)


def table(count: int = 1024) -> bytes:
    x = np.linspace(0, 1, count)
    light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return b"curv" + bytes(4) + struct.pack(f">I{count}H", count, *np.rint(light * 65535).astype(int).tolist())


PARAMETRIC = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
PROFILES = {
    "Adobe RGB": (rgb_profile(ADOBE, gamma(563 / 256)), IN_ADOBE),
    "Display P3": (rgb_profile(P3, PARAMETRIC), IN_P3),
    "Display P3 by a table": (rgb_profile(P3, table()), IN_P3),
}


def cmyk_profile() -> bytes:
    """A table of 2^4 nodes to Lab: paper white, black where there is black, and greyer with each ink."""
    nodes = []
    for c in (0, 1):
        for m in (0, 1):
            for y in (0, 1):
                for k in (0, 1):
                    nodes.append(
                        (round(255 * (1 - k) * (1 - (c + m + y) / 4)), 128 + 60 * m - 40 * c, 128 + 60 * y - 40 * c)
                    )
    line = bytes(range(256))
    lut = (
        b"mft1"
        + bytes(4)
        + bytes((4, 3, 2, 0))
        + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
        + line * 4
        + b"".join(map(bytes, nodes))
        + line * 3
    )
    return profile(b"CMYK", {b"A2B0": lut, b"A2B1": lut}, b"Lab ")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunk(image: Image.Image, *chunks: bytes) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()[:33] + b"".join(chunks) + file.getvalue()[33:]


def read(path, channels: int = 3) -> np.ndarray:
    header = read_header(path)
    target = Target(
        height=header.height, width=header.width, channels=channels, depth=header.depth, background=(255, 255, 255)
    )
    return decode(path, target)


def shows(values: np.ndarray, wanted=SHOWN, full: int = 255) -> bool:
    return bool(np.abs(values.reshape(3, -1).astype(float) / full * 255 - np.array(wanted)[:, None]).max() <= 6)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("kind", PROFILES)
def test_a_patch_is_trained_as_it_looks(tmp_path, kind, extension):
    data, raw = PROFILES[kind]
    path = tmp_path / f"a.{extension}"
    Image.new("RGB", (16, 16), raw).save(path, icc_profile=data, quality=95)
    assert shows(read(path))
    plain = tmp_path / f"plain.{extension}"
    Image.new("RGB", (16, 16), raw).save(plain, quality=95)
    assert np.abs(read(plain)[:, 0, 0].astype(int) - raw).max() <= 2  # without a profile as before


@pytest.mark.parametrize("kind", PROFILES)
@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_transparency_and_palettes(tmp_path, kind, mode):
    data, raw = PROFILES[kind]
    image = Image.new("RGBA", (8, 8), (*raw, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image = image if mode == "RGBA" else Image.new("RGB", (8, 8), raw).convert("P", palette=Image.Palette.ADAPTIVE)
    image.save(tmp_path / "a.png", icc_profile=data)
    found = read(tmp_path / "a.png")
    assert shows(found[:, 1:])
    assert mode == "P" or (found[:, 0, 0] == 255).all()  # laid on white, which is sRGB's


@pytest.mark.parametrize("kind", PROFILES)
def test_sixteen_bits_a_value(tmp_path, png16, kind):
    data, raw = PROFILES[kind]
    plain = png16(np.broadcast_to(np.array(raw, np.uint16) * 257, (8, 8, 3)))
    packed = chunk(b"iCCP", b"x\0\0" + zlib.compress(data))
    (tmp_path / "a.png").write_bytes(plain[:33] + packed + plain[33:])
    found = read(tmp_path / "a.png")
    assert found.dtype == np.uint16
    assert shows(found, full=65535)
    assert len(np.unique(found % 257)) > 1  # by more than 8 bits


@pytest.mark.parametrize("extension", ["png", "jpg", "tif"])
def test_grey_profiles(tmp_path, extension):
    dot = profile(b"GRAY", {b"kTRC": gamma(1.0)})
    Image.new("L", (8, 8), 55).save(tmp_path / f"a.{extension}", icc_profile=dot, quality=95)
    expected = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)
    assert np.abs(read(tmp_path / f"a.{extension}", 1).astype(float) - expected).max() <= 3
    assert shows(read(tmp_path / f"a.{extension}"), [expected] * 3)
    Image.fromarray(np.full((8, 8), 55 * 257, np.uint16)).save(tmp_path / "deep.tif", icc_profile=dot)
    assert np.abs(read(tmp_path / "deep.tif", 1) / 257 - expected).max() <= 1


def test_a_grey_picture_with_a_profile_of_colours_stays_grey(tmp_path):
    Image.new("L", (8, 8), 100).save(tmp_path / "a.jpg", icc_profile=PROFILES["Adobe RGB"][0])
    assert read_header(tmp_path / "a.jpg").channels == 1
    assert np.abs(read(tmp_path / "a.jpg", 1).astype(int) - 100).max() <= 4


def test_cmyk_by_its_profile(tmp_path):
    data = cmyk_profile()
    Image.new("CMYK", (8, 8), (0, 200, 200, 20)).save(tmp_path / "a.tif", icc_profile=data)
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "white.jpg", icc_profile=data, quality=95)
    wanted = ImageCms.profileToProfile(
        Image.new("CMYK", (1, 1), (0, 200, 200, 20)),
        ImageCms.ImageCmsProfile(io.BytesIO(data)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert shows(read(tmp_path / "a.tif"), wanted.getpixel((0, 0)))
    assert shows(read(tmp_path / "white.jpg"), (255, 255, 255))


def test_what_png_says_without_a_profile(tmp_path):
    image = Image.new("RGB", (8, 8), IN_P3)
    (tmp_path / "cicp.png").write_bytes(with_chunk(image, chunk(b"cICP", bytes((12, 13, 0, 1)))))
    assert shows(read(tmp_path / "cicp.png"))
    points = [round(v * 100_000) for v in (0.3127, 0.3290, *(c for xy in ADOBE for c in xy))]
    chunks = chunk(b"gAMA", struct.pack(">I", round(100_000 / 2.2))), chunk(b"cHRM", struct.pack(">8I", *points))
    (tmp_path / "chrm.png").write_bytes(with_chunk(Image.new("RGB", (8, 8), IN_ADOBE), *chunks))
    assert shows(read(tmp_path / "chrm.png"))
    (tmp_path / "linear.png").write_bytes(
        with_chunk(Image.new("L", (8, 8), 55), chunk(b"gAMA", struct.pack(">I", 100_000)))
    )
    assert (
        np.abs(read(tmp_path / "linear.png", 1).astype(float) - 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)).max()
        <= 3
    )
    (tmp_path / "usual.png").write_bytes(
        with_chunk(Image.new("RGB", (8, 8), SHOWN), chunk(b"gAMA", struct.pack(">I", 45455)))
    )
    assert (read(tmp_path / "usual.png")[:, 0, 0] == SHOWN).all()
    (tmp_path / "hdr.png").write_bytes(
        with_chunk(Image.new("RGB", (8, 8), SHOWN), chunk(b"cICP", bytes((9, 16, 0, 1))))
    )
    assert "primaries 9 and transfer 16" in read_header(tmp_path / "hdr.png").profile.problem


def test_adobe_rgb_by_exif(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    Image.new("RGB", (16, 16), IN_ADOBE).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert shows(read(tmp_path / "a.jpg"))


def test_srgb_itself_changes_nothing(tmp_path, noise):
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.png", icc_profile=data)
    assert read_header(tmp_path / "a.png").profile is None
    np.testing.assert_array_equal(read(tmp_path / "a.png"), noise(8, 8).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"not a profile at all" * 20, "it is damaged"),
        (PROFILES["Adobe RGB"][0][:60], "it is damaged"),
        (PROFILES["Adobe RGB"][0][:300], "it is damaged, or of no kind that is read"),
        (profile(b"GRAY", {b"kTRC": gamma(1.0)}), "it is for GRAY values and the image has others"),
        (profile(b"Lab ", {}), "its values are of Lab"),
        (profile(b"RGB ", {}), "it is damaged, or of no kind that is read"),
    ],
)
def test_a_profile_that_cannot_be_used_is_reported_and_left_aside(folder, tmp_path, noise, heard, data, problem):
    root = folder({"b.png": noise(8, 8)})
    Image.fromarray(noise(8, 8)).save(root / "a.png", icc_profile=data)
    dataset = Folder(path=str(root)).build()
    np.testing.assert_array_equal(dataset.images[0], noise(8, 8).transpose(2, 0, 1))
    assert any(
        line.startswith(f"colour profiles that cannot be used in 1 image, which are taken for sRGB: a.png ({problem}")
        for line in heard
    )


def test_folders_say_what_was_converted_and_do_not_take_what_was_decoded_before(folder, heard):
    root = folder({f"{n}.png": Image.new("RGB", (8, 8), (9, 9, n)) for n in range(2)})
    plain = Folder(path=str(root)).build()
    Image.new("RGB", (8, 8), IN_P3).save(root / "0.png", icc_profile=PROFILES["Display P3"][0])
    dataset = Folder(path=str(root)).build()
    assert shows(dataset.images[0])
    assert dataset.spec.fingerprint != plain.spec.fingerprint
    assert "colour profiles in 1 image, whose colours were converted to sRGB: made by a test (1)" in heard
