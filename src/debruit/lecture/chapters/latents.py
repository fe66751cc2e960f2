"""The latents of a latent model, and their decoding."""

from debruit.lecture.chapter import Chapter, Json
from debruit.lecture.latents import latents
from debruit.lecture.sprites import LATENT_SPAN, sheet, shown
from debruit.lecture.study import Study


def numbers(study: Study) -> Json | None:
    """Return the channels and what they decode to; None for a model of pixels."""
    decoded = latents(study)
    if decoded is None:
        return None
    spec = study.model.config.data
    channels = range(decoded.z_t.shape[1])
    rows = [[shown(z[:, c : c + 1], LATENT_SPAN) for c in channels] for z in (decoded.z_t, decoded.z0_hat)]
    images = [shown(spec.to_model(x), 1.0) for x in (decoded.decoded_z_t, decoded.decoded_z0_hat)]
    return {
        "channels": len(channels),
        "sheet": sheet(rows[0] + rows[1]),
        "decoded": sheet(images),
        "reconstruction": sheet([shown(spec.to_model(decoded.reconstruction[None]), 1.0)]),
    }


CHAPTER = Chapter(
    key="latents",
    title=("The latents and their decoding", "Les latents et leur décodage"),
    text=(
        (
            "This model does not work on pixels: an autoencoder, trained first and then frozen, maps the image to "
            "latents $z_0$, and the whole chain runs on them. Below are their channels, each from $-2.5$ (dark) to "
            "$2.5$ (bright), and the images that they decode to.",
            "Ce modèle ne travaille pas sur les pixels : un auto-encodeur, entraîné d'abord puis figé, projette "
            "l'image dans l'espace latent, où elle devient $z_0$, et toute la chaîne porte sur ces latents. Voici "
            "leurs canaux, de $-2{,}5$ (sombre) à $2{,}5$ (clair), et les images obtenues par décodage.",
        ),
    ),
    equations=(
        r"z_0 = \mathcal{E}(x_0), \quad z_t = \sqrt{\bar{\alpha}_t} \, z_0 + \sqrt{1 "
        r"- \bar{\alpha}_t} \, \epsilon, \quad \hat{x}_0 = \mathcal{D}(\hat{z}_0)",
    ),
    functions=("autoencoders.codec.Codec", "models.diffusion.Model.images", "lecture.latents.latents"),
    labels={
        "zt": ("noisy latents", "latents bruités"),
        "z0hat": ("predicted latents", "latents estimés"),
        "decoded": ("decoded", "décodé"),
        "reconstruction": ("decoded", "décodé"),
    },
    symbols={
        "zt": "z_t",
        "z0hat": r"\hat{z}_0",
        "decoded_zt": r"\mathcal{D}(z_t)",
        "decoded_z0hat": r"\mathcal{D}(\hat{z}_0)",
        "decoded_z0": r"\mathcal{D}(z_0)",
    },
    numbers=numbers,
)
