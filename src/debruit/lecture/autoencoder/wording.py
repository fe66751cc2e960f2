"""The short words of an autoencoder's page, English and French."""

from debruit.autoencoders.vq import VQ
from debruit.lecture.autoencoder.study import CodecStudy
from debruit.lecture.chapters import Both

TITLE: Both = ("The autoencoder, on your image", "L'auto-encodeur, sur votre image")
LEAD: Both = (
    "Everything on this page was computed by one trained autoencoder on one image. The slider at the foot of the page leads it to another one.",
    "Tout ce qui est sur cette page a été calculé par un auto-encodeur appris, sur une image. Le curseur au bas de la page la mène à une autre.",
)
SYMBOLS = {
    "x": "x", "xhat": r"\hat{x}", "difference": r"\hat{x} - x", "mu": r"\mu", "sigma": r"\sigma", "silenced": r"\hat{x}^{(c)}",
    "decoded": r"\hat{x}_\lambda", "mixed": r"x_\lambda", "xa": "x_a", "xb": "x_b",
}  # fmt: skip
SCRIPT: dict[str, Both] = {
    "play": ("play, from the other image to this one", "lire, de l'autre image à celle-ci"),
    "pause": ("pause", "pause"),
    "x": ("the image", "l'image"),
    "xhat": ("there and back", "aller et retour"),
    "difference": ("the difference: grey is none", "la différence : gris, aucune"),
    "mu": ("channel", "canal"),
    "sigma": ("its spread", "son écart-type"),
    "silenced": ("without channel", "sans le canal"),
    "decoded": ("the latents mixed, decoded", "les latents mélangés, décodés"),
    "mixed": ("the images mixed", "les images mélangées"),
    "xa": ("the image", "l'image"),
    "xb": ("the other one", "l'autre"),
    "level": ("mean", "moyenne"),
    "spread": ("spread over places", "écart-type sur les places"),
    "std": ("mean of $\\sigma$", "moyenne de $\\sigma$"),
    "changed": ("changed", "changé"),
}


def facts(study: CodecStudy) -> list[tuple[Both, Both]]:
    """What stands at the head of the page: (label, value), each in both languages."""
    config, about = study.stage.config, study.stage.provenance
    codec, spec = config.codec, config.data
    millions = f"{sum(p.numel() for p in study.stage.module.parameters()) / 1e6:.2f} M"
    c, (h, w) = codec.latent_channels(spec.channels), codec.latent_size(spec.height, spec.width)
    pixels, latent = spec.channels * spec.height * spec.width, c * h * w
    kind = type(codec.bottleneck).__name__
    seen = f"{about.get('images_seen', 0):,}"
    size = f"{spec.name}, {spec.channels} x {spec.height} x {spec.width}"
    return [
        (("autoencoder", "auto-encodeur"), (f"{kind}, {millions} parameters", f"{kind}, {millions.replace('.', ',')} de paramètres")),
        (("data", "données"), (f"{size}; {seen} images seen", f"{size} ; {seen.replace(',', ' ')} images vues")),
        (("latent", "latent"), (
            f"{c} x {h} x {w}: {latent:,} values for the image's {pixels:,}",
            f"{c} x {h} x {w} : {latent} valeurs pour les {pixels} de l'image",
        )),
        (("image", "image"), study.subject.origin),
        (("other image", "autre image"), study.other.origin),
    ]  # fmt: skip


def remarks(study: CodecStudy) -> list[Both]:
    """What must be said so that nothing on the page misleads."""
    said: list[Both] = []
    codec = study.stage.config.codec
    if isinstance(codec.bottleneck, VQ):
        codes = codec.bottleneck.codes
        said.append((
            f"Its decoder knows {codes:,} codes: each place of a latent is replaced by the nearest of them before it is decoded, here too. The latents shown "
            "are those before that, on which diffusion runs.",
            f"Son décodeur connaît {codes} codes : chaque place d'un latent est remplacée par le plus proche avant le décodage, ici aussi. Les latents "
            "montrés sont ceux d'avant, sur lesquels porte la diffusion.",
        ))  # fmt: skip
    if not codec.scale:
        said.append((
            "Its latents have not been measured: they are shown as they are, not shifted and not scaled.",
            "Ses latents n'ont pas été mesurés : ils sont montrés tels quels, sans décalage ni mise à l'échelle.",
        ))  # fmt: skip
    return said
