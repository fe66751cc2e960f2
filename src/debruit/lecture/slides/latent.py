"""Slides 33 to 41: latent diffusion, its conditions, and the end."""

from debruit.lecture.slides.base import Slide

LATENT = (
    Slide(
        number=33,
        idea=(
            "Latent diffusion: an autoencoder before and after the DDPM; a perceptual loss",
            "Modèles de diffusion latente : un VAE en entrée et en sortie du DDPM ; fonction de perte perceptuelle",
        ),
        chapters=("latent_diffusion",),
        functions=("autoencoders.codec.Codec", "autoencoders.losses.perceptual.Perceptual"),
        note=(
            "There is no VGG50: the perceptual loss of the latent models (LPIPS) compares features of VGG16. The "
            "autoencoder of the faces is not a VAE: its latents are quantised (VQ); that of the text model is a VAE.",
            "Il n'existe pas de VGG50 : la fonction de perte perceptuelle des modèles de diffusion latente (LPIPS) "
            "compare des caractéristiques de VGG16. L'auto-encodeur des visages n'est pas un VAE : ses latents sont "
            "quantifiés (VQ) ; celui du modèle conditionné sur le texte est un VAE.",
        ),
    ),
    Slide(
        number=34,
        idea=(
            "An adversarial loss, and the sum of the four losses",
            "Approche adversaire, et fonction de perte finale",
        ),
        equations=(
            r"\mathcal{L} = \mathcal{L}_{recons} + \beta_1 \mathcal{L}_{KLD} + \beta_2 \mathcal{L}_{perceptual} + "
            r"\beta_3 \mathcal{L}_{adversarial}",
        ),
        chapters=("latent_diffusion",),
        functions=("autoencoders.losses.criterion.Criterion",),
        note=(
            "These $\\beta_k$ are weights and have nothing to do with the $\\beta_t$ of the chain. That of the KL "
            "term is tiny ($10^{-6}$), and that of the adversarial term follows the gradients during training.",
            "Ces $\\beta_k$ sont des poids, sans rapport avec les $\\beta_t$ de la chaîne. Celui du terme KL est "
            "minuscule ($10^{-6}$), et celui du terme adversaire suit les gradients pendant l'entraînement.",
        ),
    ),
    Slide(
        number=35,
        idea=(
            "The autoencoder is trained first and frozen; the loss of the LDM",
            "Le VAE est entraîné indépendamment du DDPM, puis figé ; fonction de perte du LDM",
        ),
        equations=(
            r"\mathcal{L}_{LDM} = \mathbb{E}_{z_0, \epsilon, t} [\| \epsilon_t - \epsilon_\theta(z_t, t) \|^2]",
        ),
        chapters=("latent_diffusion",),
        functions=("diffusion.objective.Objective",),
        note=(
            "What is frozen are the weights, not only the architecture, and the loss is on latents $z_t$.",
            "Ce sont les poids qui sont figés, et pas seulement l'architecture ; la fonction de perte porte sur les "
            "latents $z_t$.",
        ),
    ),
    Slide(
        number=36,
        idea=(
            "Characteristics of the LDM of 274 million parameters",
            "Caractéristiques du LDM à 274 millions de paramètres",
        ),
        chapters=("latent_diffusion",),
        functions=("networks.unet.UNet",),
        note=(
            "The resolutions of attention are sides of feature maps: 32, 16 and 8 of 64, that is after downsampling "
            "by 2, 4 and 8. The released model has heads of 32 channels, not one head, at the same number of "
            'parameters. Its "linear" schedule is linear in $\\sqrt{\\beta_t}$.',
            "Les résolutions d'attention sont des côtés de cartes : 32, 16 et 8 sur 64, soit après une réduction d'un "
            "facteur 2, 4 et 8. Le modèle publié a des têtes de 32 canaux et non une seule tête, à nombre de "
            "paramètres égal. Son calendrier de bruit « linéaire » est linéaire en $\\sqrt{\\beta_t}$.",
        ),
    ),
    Slide(
        number=37,
        idea=("Unconditional samples: CelebA-HQ", "Génération sans conditionnement : CelebA-HQ"),
        chapters=("latent_diffusion", "reverse"),
        functions=("models.diffusion.Model.generate",),
    ),
    Slide(
        number=38,
        idea=("Samples conditioned on the class: ImageNet", "Génération avec conditionnement sur la classe : ImageNet"),
        chapters=("latent_diffusion", "guidance"),
        functions=("conditioning.label.Label", "sampling.guidance.classifier_free.classifier_free"),
        note=(
            "The samples usually shown are guided. Without guidance classes are followed far less clearly.",
            "Les images que l'on montre sont en général générées avec guidage. Sans guidage, la classe est suivie "
            "bien moins nettement.",
        ),
    ),
    Slide(
        number=39,
        idea=(
            "Samples conditioned on masks: Flickr landscapes",
            "Génération avec conditionnement sur des masques : paysages Flickr",
        ),
        chapters=("latent_diffusion", "guidance"),
        functions=("conditioning.mask.Mask",),
    ),
    Slide(
        number=40,
        idea=(
            "Samples conditioned on a text: LAION-400M, 1.45 billion parameters",
            "Génération avec conditionnement sur le texte : LAION-400M, 1,45 milliard de paramètres",
        ),
        chapters=("latent_diffusion", "guidance"),
        functions=("conditioning.text.Text",),
        note=(
            "Only the tokenizer is BERT's; the text encoder is trained together with the diffusion model.",
            "Seul le tokenizer est celui de BERT ; l'encodeur de texte est entraîné avec le modèle de diffusion.",
        ),
    ),
    Slide(number=41, idea=("The end", "Fin")),
)
