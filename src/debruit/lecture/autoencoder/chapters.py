"""Chapters of an autoencoder's page."""

from debruit.lecture.autoencoder import numbers
from debruit.lecture.chapter import Chapter

RECONSTRUCTION = Chapter(
    key="reconstruction",
    title=("Encoding and decoding", "Encodage et décodage"),
    text=(
        (
            "The encoder $\\mathcal{E}$ maps the image to a latent, usually of fewer values; the decoder "
            "$\\mathcal{D}$ maps it back. What the latent does not contain cannot be reconstructed: the difference is "
            "what was lost. Every image that a diffusion model generates on these latents comes out of this decoder.",
            "L'encodeur $\\mathcal{E}$ projette l'image dans l'espace latent, où elle a en général moins de valeurs ; "
            "le décodeur $\\mathcal{D}$ revient à l'image. Ce que le latent ne contient pas ne peut pas être "
            "reconstruit : la différence est ce qui s'est perdu. Toute image qu'un modèle de diffusion génère à "
            "partir de ces latents sort de ce décodeur.",
        ),
    ),
    equations=(
        r"\hat{x} = \mathcal{D}(\mathcal{E}(x))",
        r"\mathrm{PSNR} = 10 \, \mathrm{log}_{10} \frac{L^2}{\mathrm{MSE}}",
    ),
    functions=(
        "autoencoders.autoencoder.AutoencoderModule.encode",
        "autoencoders.autoencoder.AutoencoderModule.decode",
        "autoencoders.fidelity.psnr",
        "autoencoders.fidelity.ssim",
        "lecture.autoencoder.panels.reconstruction",
    ),
    labels={
        "x": ("the image", "l'image"),
        "xhat": ("reconstruction", "reconstruction"),
        "difference": ("the difference (grey: none)", "la différence (gris : aucune)"),
    },
    symbols={"x": "x", "xhat": r"\hat{x}", "difference": r"\hat{x} - x"},
    numbers=numbers.reconstruction,
)
CHANNELS = Chapter(
    key="channels",
    title=("What the latent contains", "Ce que contient le latent"),
    text=(
        (
            "The channels of the latent as images, from $-2.5$ (dark) to $2.5$ (bright). They are shifted by $m$ and "
            "divided by $s$, measured so that each channel has mean 0 and standard deviation 1 over the training "
            "images: noise of variance 1 then has the same effect in all of them. A variational encoder gives a "
            "distribution, not a point: its standard deviation $\\sigma(x)$ is shown below, from 0 (black) to 1 "
            "(white). The diffusion model is trained on samples of this distribution.",
            "Les canaux du latent, montrés comme des images, de $-2{,}5$ (sombre) à $2{,}5$ (clair). Ils sont décalés "
            "de $m$ et divisés par $s$, mesurés pour que chaque canal soit de moyenne nulle et d'écart-type 1 sur les "
            "images d'entraînement : un bruit de variance 1 y a partout le même effet. Un encodeur variationnel donne "
            "une distribution et non un point : son écart-type $\\sigma(x)$ est montré au-dessous, de 0 (noir) à 1 "
            "(blanc). Le modèle de diffusion est entraîné sur des échantillons de cette distribution.",
        ),
    ),
    equations=(
        r"z \sim q(z | x) = \mathcal{N}(\mu(x), \; \sigma(x)^2 \mathbf{I})",
        r"\mu(x) = \frac{\mathcal{E}(x) - m}{s}",
    ),
    functions=(
        "autoencoders.autoencoder.AutoencoderModule.encode",
        "autoencoders.autoencoder.measured",
        "autoencoders.codec.Moments",
        "lecture.autoencoder.panels.channels",
    ),
    labels={
        "mu": ("channel", "canal"),
        "sigma": ("its standard deviation", "son écart-type"),
        "level": ("mean", "moyenne"),
        "spread": ("standard deviation over positions", "écart-type sur les positions"),
        "std": ("mean of $\\sigma$", "moyenne de $\\sigma$"),
    },
    symbols={"mu": r"\mu", "sigma": r"\sigma"},
    numbers=numbers.channels,
)
ABLATION = Chapter(
    key="ablation",
    title=("Without one channel", "Sans l'un des canaux"),
    text=(
        (
            "The same image decoded with one channel set to 0, which is that channel's mean over the training images. "
            "The change shows what only this channel encodes; the number is its root mean square, in per cent of the "
            "range.",
            "La même image, décodée avec un canal mis à 0, c'est-à-dire à sa moyenne sur les images d'entraînement. "
            "Le changement montre ce que ce canal est le seul à coder ; le nombre est la moyenne quadratique de ce "
            "changement, en pourcentage de l'étendue.",
        ),
    ),
    equations=(r"\hat{x}^{(c)} = \mathcal{D}(z), \quad z_c = 0",),
    functions=(
        "autoencoders.autoencoder.AutoencoderModule.decode",
        "lecture.autoencoder.panels.ablation",
    ),
    labels={
        "ablated": ("without channel", "sans le canal"),
        "changed": ("changed", "changé"),
    },
    symbols={"ablated": r"\hat{x}^{(c)}"},
    numbers=numbers.ablation,
)
INTERPOLATION = Chapter(
    key="interpolation",
    title=("From one image to another", "D'une image à une autre"),
    text=(
        (
            "A straight line between two latents, decoded, next to the straight line between the two images "
            "themselves, which is a cross-fade. Move $\\lambda$ at the foot of the page. The two differ where the "
            "decoder does more than mix pixels; but an autoencoder is trained on real images only, so the middle of "
            "the line need not look like an image. Modelling what lies between is the task of the diffusion model.",
            "Une droite entre deux latents, décodée, à côté de la droite entre les deux images elles-mêmes, qui est "
            "un fondu enchaîné. Déplacez $\\lambda$ au bas de la page. Les deux diffèrent là où le décodeur fait plus "
            "que mélanger des pixels ; mais un auto-encodeur n'est entraîné que sur des images réelles, et le milieu "
            "de la droite ne ressemble pas forcément à une image. Modéliser ce qui se trouve entre elles est la tâche "
            "du modèle de diffusion.",
        ),
    ),
    equations=(
        r"z_\lambda = (1 - \lambda) \, z_a + \lambda \, z_b",
        r"\hat{x}_\lambda = \mathcal{D}(z_\lambda)",
        r"x_\lambda = (1 - \lambda) \, x_a + \lambda \, x_b",
    ),
    functions=(
        "autoencoders.autoencoder.AutoencoderModule.decode",
        "lecture.autoencoder.panels.interpolation",
    ),
    labels={
        "decoded": ("mixed latents, decoded", "latents mélangés, décodés"),
        "mixed": ("mixed images", "images mélangées"),
        "xa": ("the image", "l'image"),
        "xb": ("the other one", "l'autre"),
    },
    symbols={"decoded": r"\hat{x}_\lambda", "mixed": r"x_\lambda", "xa": "x_a", "xb": "x_b"},
    numbers=numbers.interpolation,
)
CHAPTERS = (RECONSTRUCTION, CHANNELS, ABLATION, INTERPOLATION)
