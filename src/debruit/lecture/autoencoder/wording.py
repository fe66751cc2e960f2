"""Short texts of an autoencoder's page in English and French."""

from debruit.autoencoders.vq import VQ
from debruit.lecture.autoencoder.study import CodecStudy
from debruit.lecture.chapter import Both
from debruit.lecture.wording import DATA, data, parameters

TITLE: Both = ("The autoencoder, on your image", "L'auto-encodeur, appliqué à votre image")
LEAD: Both = (
    "Everything on this page was computed by one trained autoencoder on one image. The slider at the foot of the page "
    "moves from this image to another one.",
    "Tout ce que montre cette page a été calculé avec un auto-encodeur entraîné, sur une image. Le curseur au bas de "
    "la page mène de cette image à une autre.",
)
SCRIPT: dict[str, Both] = {
    "play": ("play, from the other image to this one", "lire, de l'autre image à celle-ci"),
    "pause": ("pause", "pause"),
}


def facts(study: CodecStudy) -> list[tuple[Both, Both]]:
    """Return the facts at the head of the page as (label, value), each in both languages."""
    codec, spec = study.stage.config.codec, study.stage.config.data
    c, (h, w) = codec.latent_channels(spec.channels), codec.latent_size(spec.height, spec.width)
    pixels, latent = spec.channels * spec.height * spec.width, c * h * w
    values = (
        f"{c} x {h} x {w}: {latent:,} values for the image's {pixels:,}",
        f"{c} x {h} x {w} : {latent} valeurs pour les {pixels} de l'image",
    )
    return [
        (("autoencoder", "auto-encodeur"), parameters(type(codec.bottleneck).__name__, study.stage.module)),
        (DATA, data(spec, study.stage.provenance)),
        (("latent", "latent"), values),
        (("image", "image"), study.example.origin),
        (("other image", "autre image"), study.other.origin),
    ]


def remarks(study: CodecStudy) -> list[Both]:
    """Return the remarks without which the page could mislead."""
    lines: list[Both] = []
    codec = study.stage.config.codec
    if isinstance(codec.bottleneck, VQ):
        codes = codec.bottleneck.codes
        english = (
            f"The codebook has {codes:,} codes: each position of a latent is replaced by the nearest code before "
            "decoding, here too. The latents shown are those before quantisation, on which diffusion runs."
        )
        french = (
            f"Le dictionnaire a {codes} codes : chaque position d'un latent est remplacée par le code le plus proche "
            "avant le décodage, ici aussi. Les latents montrés sont ceux d'avant la quantification, sur lesquels "
            "porte la diffusion."
        )
        lines.append((english, french))
    if not codec.scale:
        english = "Its latents have not been measured: they are shown as they are, not shifted and not scaled."
        french = "Ses latents n'ont pas été mesurés : ils sont montrés tels quels, sans décalage ni mise à l'échelle."
        lines.append((english, french))
    return lines
