"""Texts, equations and labels of the chapter on the network."""

from debruit.lecture.chapter import Both

TEXT: tuple[Both, ...] = (
    (
        "In the reverse process the predicted noise is the only unknown, and a neural network computes it: in the "
        "lecture a standard U-Net with attention layers and a positional encoding that brings in the time. Below is "
        "the network of this model, drawn from its configuration. On the way down the image shrinks from level to "
        "level, and each position describes a larger part of it, in more channels. On the way up it grows again, and "
        "a skip connection hands every block the feature map of the same size from the way down: the noise has to be "
        "predicted at every pixel, and such detail would not survive the way through the bottom.",
        "Dans le processus inverse, la seule inconnue est le bruit estimé, et c'est un réseau de neurones qui le "
        "calcule : dans le cours, un U-Net standard avec des couches d'attention et un encodage de position pour "
        "intégrer l'information temporelle. Voici le réseau de ce modèle, dessiné d'après sa configuration. À la "
        "descente, l'image rétrécit d'un niveau au suivant et chaque position en décrit une plus grande partie, avec "
        "davantage de canaux. À la remontée, elle s'agrandit de nouveau, et une connexion directe transmet à chaque "
        "bloc la carte de même taille produite à la descente : le bruit doit être estimé en chaque pixel, et ces "
        "détails ne survivraient pas à la traversée du niveau le plus bas.",
    ),
    (
        "Why does the network need $t$? Because the noise added varies with time, and $x_t$ alone does not state its "
        "level exactly. A single number would give a network little to hold on to, so it is spread over many "
        "channels, as the hands of a clock spread the time of day: fast cosines and sines tell neighbouring steps "
        "apart, slow ones give the rough time. Why attention? A convolution looks at the neighbours of a position, an "
        "attention layer at all positions: each of them takes an average of the values $V$ with the weights $A$, "
        "which the network computes from the image itself.",
        "Pourquoi intégrer $t$ ? Parce que le bruit ajouté varie au cours du temps, et que $x_t$ seul n'en indique "
        "pas exactement le niveau. Un seul nombre donnerait peu de prise à un réseau : on le répartit donc sur de "
        "nombreux canaux, comme les aiguilles d'une horloge répartissent l'heure. Les cosinus et les sinus rapides "
        "distinguent les étapes voisines, les lents donnent l'heure approximative. Pourquoi l'attention ? Une "
        "convolution regarde les voisins d'une position, une couche d'attention regarde toutes les positions : "
        "chacune reçoit une moyenne des valeurs $V$, pondérée par les poids $A$ que le réseau calcule à partir de "
        "l'image elle-même.",
    ),
    (
        "The lecture's table of the latent diffusion model says “number of head: 1”. The model that was released with "
        "the paper has heads of 32 channels, hence 14 to 28 of them; both have the same number of parameters. What "
        "this model has is listed under the drawing.",
        "Le tableau du cours sur le modèle de diffusion latente indique « Number of head : 1 ». Le modèle publié avec "
        "l'article a des têtes de 32 canaux, soit de 14 à 28 têtes ; le nombre de paramètres est le même dans les "
        "deux cas. Pour le modèle de cette page, le nombre de têtes est donné sous le dessin.",
    ),
)
CONDITIONS: dict[str, Both] = {  # short names of conditions, by item
    "label": ("class", "classe"),
    "text": ("text", "texte"),
    "mask": ("mask", "masque"),
    "image": ("image", "image"),
    "first": ("first frame", "première image"),
}
EQUATIONS = (
    r"\gamma_j(\tau) = \cos(\omega_j \tau), \quad \gamma_{h+j}(\tau) = \sin(\omega_j \tau)",
    r"\omega_j = 10000^{-j/h}, \quad j = 0, \dots, h - 1",
    r"\gamma(\tau) \cdot \gamma(\tau') = \sum_{j=0}^{h-1} \cos(\omega_j (\tau - \tau'))",
    r"A = \mathrm{softmax} \; (\frac{Q K^\mathrm{T}}{\sqrt{d}})",
    r"\mathrm{attention}(Q, K, V) = A \, V",
)
LABELS: dict[str, Both] = {
    # the drawing
    "net_whole": ("The U-Net of this model", "Le U-Net de ce modèle"),
    "net_sequence": ("The blocks of this model's network", "Les blocs du réseau de ce modèle"),
    "net_channels": ("channels", "canaux"),
    "net_positions": ("size", "taille"),
    "net_noise": ("predicted noise", "bruit estimé"),
    "net_input": ("noisy image", "image bruitée"),
    "net_latents": ("noisy latents", "latents bruités"),
    "net_output": ("output", "sortie"),
    "net_variance": ("and the variance", "et la variance"),
    "net_time": ("encoding of t", "encodage de t"),
    "net_mean_of": ("their mean, too", "et leur moyenne"),
    "net_side_time": ("time", "temps"),
    "net_side_in": ("input", "entrée"),
    "net_side_down": ("way down, level", "descente, niveau"),
    "net_side_middle": ("middle, level", "milieu, niveau"),
    "net_side_up": ("way up, level", "remontée, niveau"),
    "net_side_out": ("output", "sortie"),
    "net_side_sequence": ("sequence", "suite"),
    "net_parameters": ("parameters", "paramètres"),
    "net_operations": ("operations (FLOP) for one image", "opérations (FLOP) pour une image"),
    "net_flop": ("MFLOP", "MFLOP"),
    "net_layer": ("layer", "couche"),
    "net_module": ("module", "module"),
    "net_choose": (
        "Choose a box, by mouse or keyboard: its layers are listed below.",
        "Choisissez une boîte, à la souris ou au clavier : ses couches sont énumérées ci-dessous.",
    ),
    "net_key_residual": ("residual block, which also receives t", "bloc résiduel, qui reçoit aussi t"),
    "net_key_self": ("self-attention", "auto-attention"),
    "net_key_cross": ("cross-attention, to the condition", "attention croisée, vers la condition"),
    "net_key_skip": ("skip connection (concatenated)", "connexion directe (concaténée)"),
    "net_key_time": ("encoding of t, to every residual block", "encodage de t, vers chaque bloc résiduel"),
    "net_key_tokens": ("tokens of the condition", "jetons de la condition"),
    "net_kind_conv": ("convolution", "convolution"),
    "net_kind_norm": ("normalisation", "normalisation"),
    "net_kind_linear": ("linear layer", "couche linéaire"),
    "net_kind_residual": ("residual block", "bloc résiduel"),
    "net_kind_attention": ("self-attention", "auto-attention"),
    "net_kind_transformer": ("transformer: self-attention", "transformeur : auto-attention"),
    "net_kind_both": (
        "transformer: self-attention and cross-attention",
        "transformeur : auto-attention et attention croisée",
    ),
    "net_kind_down": ("half the resolution", "résolution divisée par 2"),
    "net_kind_up": ("twice the resolution", "résolution multipliée par 2"),
    "net_by_conv": ("convolution", "convolution"),
    "net_by_block": ("residual block", "bloc résiduel"),
    "net_by_fold": ("folding", "regroupement de pixels"),
    "net_of_skip": ("of which by the skip", "dont par connexion directe"),
    "net_heads": ("heads", "têtes"),
    "net_of": ("of", "de"),
    "net_attention_at": ("attention at", "attention à la taille"),
    # the time
    "net_encoding": ("Time encoding", "Encodage du temps"),
    "net_all_times": (
        "$\\gamma(\\tau)$ over all steps: black $-1$, white $1$",
        "$\\gamma(\\tau)$ à toutes les étapes : noir $-1$, blanc $1$",
    ),
    "net_vector": ("the vector at the present $t$, by channel", "le vecteur à l'étape $t$, par canal"),
    "net_cos": ("cosines", "cosinus"),
    "net_sin": ("sines", "sinus"),
    "net_alike": (
        "similarity $\\gamma(\\tau) \\cdot \\gamma(\\tau') / h$ of two times: white 1, black $-1$",
        "similarité $\\gamma(\\tau) \\cdot \\gamma(\\tau') / h$ de deux instants : blanc 1, noir $-1$",
    ),
    "net_alike_now": (
        "similarity of the present $t$ with each other step",
        "similarité de l'étape $t$ avec chaque autre étape",
    ),
    "net_of_encoding": ("of the encodings", "des encodages"),
    "net_of_learned": (
        "of what the network makes of them (cosine of the angle)",
        "de ce que le réseau en fait (cosinus de l'angle)",
    ),
    "net_no_time": (
        "This network takes the time in another way than by the sinusoidal encoding of the package's U-Net.",
        "Ce réseau reçoit le temps autrement que par l'encodage sinusoïdal du U-Net de debruit.",
    ),
    "net_added": (
        "Two linear layers turn the encoding into one vector, and every residual block adds its own linear map of it "
        "to its channels.",
        "Deux couches linéaires transforment l'encodage en un vecteur ; chaque bloc résiduel ajoute à ses canaux une "
        "transformation linéaire de ce vecteur, qui lui est propre.",
    ),
    "net_scaled": (
        "Two linear layers turn the encoding into one vector, and every residual block scales and shifts its channels "
        "by its own linear map of it.",
        "Deux couches linéaires transforment l'encodage en un vecteur ; chaque bloc résiduel met à l'échelle et "
        "décale ses canaux par une transformation linéaire de ce vecteur, qui lui est propre.",
    ),
    "net_period_fast": ("shortest period", "période la plus courte"),
    "net_period_slow": ("longest period", "période la plus longue"),
    "net_neighbour": ("similarity with the next step shown", "similarité avec l'étape montrée suivante"),
    # attention
    "net_attention": ("Attention of the chosen pixel", "Attention du pixel choisi"),
    "net_attend_note": (
        "Choose a pixel in the first image: its position asks (orange frame), and the brighter a position, the larger "
        "its weight. The weights of all positions sum to 1. They show where values are taken from, not what they are "
        "used for.",
        "Choisissez un pixel dans la première image : sa position interroge les autres (cadre orange), et plus une "
        "position est claire, plus son poids est grand. La somme des poids de toutes les positions vaut 1. Les poids "
        "montrent où les valeurs sont prises, et non à quoi elles servent.",
    ),
    "net_no_attention": (
        "This network has no attention layer.",
        "Ce réseau n'a pas de couche d'attention.",
    ),
    "net_other_attention": (
        "Maps are made of the attention layers of the package's U-Net, and this network is of another kind.",
        "Les cartes ne sont calculées que pour les couches d'attention du U-Net de debruit, et ce réseau est d'une "
        "autre sorte.",
    ),
    "net_head": ("head", "tête"),
    "net_mean": ("mean of the heads", "moyenne des têtes"),
    "net_token": ("token", "jeton"),
    "net_over": ("weights over $x_0$", "poids sur $x_0$"),
    "net_token_over": ("weight of the chosen token, by position", "poids du jeton choisi, par position"),
    "net_maps": ("weights", "poids"),
    "net_words": ("weights of the tokens for this position", "poids des jetons pour cette position"),
    "net_query": ("position that asks", "position qui interroge"),
    "net_largest": ("largest weight", "poids le plus grand"),
    "net_equal": ("equal weights", "poids égaux"),
    "net_spread": (
        "effective number (exponential of the entropy)",
        "nombre effectif (exponentielle de l'entropie)",
    ),
    "net_computed_at": ("maps computed at", "cartes calculées à"),
}
