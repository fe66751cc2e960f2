"""The chapters of an autoencoder's page (lecture/chapters.py says what a chapter is)."""

from debruit.lecture.chapters import Chapter

PASSAGE = Chapter(
    key="passage",
    title=("There and back", "Aller et retour"),
    text=(
        (
            "The encoder $\\mathcal{E}$ maps the image to a latent, as a rule of fewer values, the decoder $\\mathcal{D}$ maps it back. What is not in the "
            "latent cannot come back: the difference is what was lost. Whatever a diffusion model draws on these latents comes out of this decoder.",
            "L'encodeur $\\mathcal{E}$ projette l'image sur un latent, en général de moins de valeurs, le décodeur $\\mathcal{D}$ la restitue. Ce qui "
            "n'est pas dans le latent ne peut revenir : la différence est ce qui s'est perdu. Tout ce qu'un modèle de diffusion dessine sur ces "
            "latents passe par ce décodeur.",
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
        "lecture.autoencoder.panels.passage",
    ),
)
CHANNELS = Chapter(
    key="channels",
    title=("What the latent holds", "Ce que contient le latent"),
    text=(
        (
            "The channels of the latent as pictures, from $-2.5$ (dark) to $2.5$ (bright). They are shifted by $m$ and scaled by $s$, which were "
            "measured so that each has mean 0 and spread 1 over the training images: noise of variance 1 then means the same in all of them. A "
            "variational encoder gives a law and not a point: its spread $\\sigma(x)$ is below, from 0 (black) to 1 (white). Diffusion is trained on draws "
            "from it.",
            "Les canaux du latent comme images, de $-2,5$ (sombre) à $2,5$ (clair). Ils sont décalés de $m$ et divisés par $s$, mesurés pour que "
            "chacun ait une moyenne de 0 et un écart-type de 1 sur les images d'apprentissage : un bruit de variance 1 y a partout le même sens. Un "
            "encodeur variationnel donne une loi et non un point : son écart-type $\\sigma(x)$ est en dessous, de 0 (noir) à 1 (blanc). La diffusion "
            "apprend sur des tirages de cette loi.",
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
)
SILENCED = Chapter(
    key="silenced",
    title=("Without one channel", "Sans l'un des canaux"),
    text=(
        (
            "The same image decoded with one channel at 0, which is that channel's mean over the training images. What changes is what only this "
            "channel knew of the image; the number is how much, as the root of the mean square in per cent of the range.",
            "La même image décodée avec un canal à 0, sa moyenne sur les images d'apprentissage. Ce qui change est ce que ce canal était seul à "
            "savoir de l'image ; le nombre dit combien, en racine de la moyenne des carrés, en pour cent de l'intervalle.",
        ),
    ),
    equations=(r"\hat{x}^{(c)} = \mathcal{D}(z), \quad z_c = 0",),
    functions=(
        "autoencoders.autoencoder.AutoencoderModule.decode",
        "lecture.autoencoder.panels.silenced",
    ),
)
BETWEEN = Chapter(
    key="between",
    title=("From one image to another", "D'une image à une autre"),
    text=(
        (
            "A straight line between two latents, decoded, beside the straight line between the two images themselves, which is a cross-fade. Move "
            "$\\lambda$ at the foot of the page. The two differ where the decoder knows more than to mix pixels; but an autoencoder is trained on "
            "latents of images alone, so that the middle of the line need not look like one. To know what lies between is the task of the diffusion.",
            "Une droite entre deux latents, décodée, à côté de la droite entre les deux images elles-mêmes, qui est un fondu. Déplacez $\\lambda$ au "
            "bas de la page. Les deux diffèrent là où le décodeur sait plus que mélanger des pixels ; mais un auto-encodeur n'apprend que sur des "
            "latents d'images, et le milieu de la droite ne ressemble pas forcément à une image. Savoir ce qu'il y a entre elles est le travail de "
            "la diffusion.",
        ),
    ),
    equations=(
        r"z_\lambda = (1 - \lambda) \, z_a + \lambda \, z_b",
        r"\hat{x}_\lambda = \mathcal{D}(z_\lambda)",
        r"x_\lambda = (1 - \lambda) \, x_a + \lambda \, x_b",
    ),
    functions=(
        "autoencoders.autoencoder.AutoencoderModule.decode",
        "lecture.autoencoder.panels.between",
    ),
)
CHAPTERS = (PASSAGE, CHANNELS, SILENCED, BETWEEN)
