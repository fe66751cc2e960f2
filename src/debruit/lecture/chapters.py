"""Chapters of the lecture page: English and French text, equations, and the functions of the package that compute each.

Text may contain mathematics between dollar signs (maths.py). A test imports every function named here and parses every
equation.
"""

from dataclasses import dataclass

Both = tuple[str, str]  # English, French


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """`key` is the panel's name on the page and `text` its paragraphs; `functions` are import paths below debruit."""

    key: str
    title: Both
    text: tuple[Both, ...]
    equations: tuple[str, ...]
    functions: tuple[str, ...]


FORWARD = Chapter(
    key="forward",
    title=("Adding noise, and predicting it", "Ajouter du bruit, et le prédire"),
    text=(
        (
            "The forward process needs no training: at any step $t$, $x_t$ is the image, scaled down, plus Gaussian "
            "noise $\\epsilon$. The network receives $x_t$ and $t$ alone and predicts the noise, $\\epsilon_\\theta$; "
            "this is equivalent to predicting the clean image, $\\hat{x}_0$. Training (algorithm 1) minimises the "
            "squared difference of the two noises at random $t$. Move $t$ at the foot of the page: near $t = 1$ the "
            "image is clear and the noise is hard to tell; near $t = T$ it is the other way round, and $\\hat{x}_0$ "
            "becomes a blurred average of the images that are possible.",
            "Le processus avant ne demande aucun apprentissage : à tout instant $t$, $x_t$ est l'image, atténuée, "
            "plus un bruit gaussien $\\epsilon$. Le réseau ne reçoit que $x_t$ et $t$ et prédit le bruit, "
            "$\\epsilon_\\theta$ ; cela revient à prédire l'image nette, $\\hat{x}_0$. L'apprentissage (algorithme 1) "
            "minimise l'écart quadratique entre les deux bruits, à des $t$ tirés au hasard. Déplacez $t$ au bas de la "
            "page : près de $t = 1$, l'image est claire et le bruit difficile à lire ; près de $t = T$, c'est "
            "l'inverse, et $\\hat{x}_0$ devient une moyenne floue des images possibles.",
        ),
    ),
    equations=(
        r"x_t = \sqrt{\bar{\alpha}_t} \, x_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon, "
        r"\quad \epsilon \sim \mathcal{N}(0, \mathbf{I})",
        r"\hat{x}_0 = \frac{x_t - \sqrt{1 - \bar{\alpha}_t} \, \epsilon_\theta(x_t, t)}{\sqrt{\bar{\alpha}_t}}",
        r"L_{t-1}^{\mathrm{simple}} = \| \epsilon - \epsilon_\theta(x_t, t) \|^2",
    ),
    functions=(
        "diffusion.chain.Chain.q",
        "diffusion.denoiser.Denoiser",
        "diffusion.prediction.solve",
        "diffusion.chain.Chain.posterior",
        "diffusion.chain.Chain.reverse",
        "lecture.forward.forward",
    ),
)
SCHEDULES = Chapter(
    key="schedules",
    title=("How fast the image is lost", "À quelle vitesse l'image se perd"),
    text=(
        (
            "A noise schedule sets the variances $\\beta_t$; everything else follows from them. Linear $\\beta$ "
            "destroys the image early and spends its last third on what is noise already; the cosine schedule was "
            "designed to lose it evenly. Processes in continuous time (Flow, VE, VPCosine) are shown as the chain of "
            "1000 steps that they become once divided by their scale. The thick line is this model's own schedule.",
            "Un plan de bruit fixe les variances $\\beta_t$ ; tout le reste en découle. Un $\\beta$ linéaire détruit "
            "l'image tôt et passe son dernier tiers sur ce qui n'est déjà que du bruit ; le plan en cosinus a été "
            "conçu pour la perdre régulièrement. Les processus en temps continu (Flow, VE, VPCosine) sont montrés "
            "comme la chaîne de 1000 pas qu'ils deviennent une fois divisés par leur échelle. Le trait épais est le "
            "plan de ce modèle.",
        ),
    ),
    equations=(
        r"\alpha_t = 1 - \beta_t, \quad \bar{\alpha}_t = \prod_{k=1}^{t} \alpha_k",
        r"\mathrm{SNR}_t = \frac{\bar{\alpha}_t}{1 - \bar{\alpha}_t}",
    ),
    functions=(
        "diffusion.chain.Linear",
        "diffusion.chain.ScaledLinear",
        "diffusion.chain.Cosine",
        "diffusion.chain.Chain.abar",
        "lecture.chains.ProcessSchedule",
        "lecture.schedules.schedules",
    ),
)
WALK = Chapter(
    key="walk",
    title=("One step at a time, or in closed form", "Pas à pas, ou sous forme directe"),
    text=(
        (
            "Random walkers start at the value of the chosen pixel (click one in any image) and take the steps of the "
            "chain one after the other: shrink a little, add a little noise. The histogram shows where they are after "
            "$t$ steps; the curve is the closed form, computed without any step. Because the two agree, training is "
            "cheap: any $x_t$ costs one sample of noise.",
            "Des marcheurs aléatoires partent de la valeur du pixel choisi (cliquez-en un dans n'importe quelle "
            "image) et font les pas de la chaîne l'un après l'autre : se contracter un peu, ajouter un peu de bruit. "
            "L'histogramme montre où ils sont après $t$ pas ; la courbe est la forme directe, calculée sans aucun "
            "pas. Leur accord rend l'apprentissage peu coûteux : tout $x_t$ ne demande qu'un tirage du bruit.",
        ),
    ),
    equations=(
        r"q(x_t | x_{t-1}) = \mathcal{N}(\sqrt{1 - \beta_t} \, x_{t-1}, \; \beta_t \mathbf{I})",
        r"q(x_t | x_0) = \mathcal{N}(\sqrt{\bar{\alpha}_t} \, x_0, \; (1 - \bar{\alpha}_t) \mathbf{I})",
    ),
    functions=("diffusion.chain.Chain.q_step", "diffusion.chain.Chain.q", "lecture.walk.walk"),
)
POSTERIOR = Chapter(
    key="posterior",
    title=("The step back, with and without knowing the image", "Le pas en arrière, en connaissant l'image ou non"),
    text=(
        (
            "If $x_0$ is known, the posterior $q(x_{t-1}|x_t, x_0)$ of the previous step is a Gaussian, by Bayes' "
            "theorem. The model does not know $x_0$ and uses $\\hat{x}_0$ in its place: $p_\\theta(x_{t-1}|x_t)$. The "
            "two have the same variance and differ in their means; their divergence, summed over the pixels, is one "
            "term of the bound. Here they are for the chosen pixel.",
            "Si $x_0$ est connu, la loi a posteriori $q(x_{t-1}|x_t, x_0)$ du pas précédent est gaussienne, d'après "
            "le théorème de Bayes. Le modèle ne connaît pas $x_0$ et met $\\hat{x}_0$ à sa place : "
            "$p_\\theta(x_{t-1}|x_t)$. Les deux lois ont la même variance et diffèrent par leurs moyennes ; leur "
            "divergence, sommée sur les pixels, est un terme de la borne. Les voici pour le pixel choisi.",
        ),
    ),
    equations=(
        r"q(x_{t-1} | x_t, x_0) = \mathcal{N}(\tilde{\mu}_t(x_t, x_0), \; \tilde{\beta}_t \mathbf{I})",
        r"\tilde{\beta}_t = \frac{1 - \bar{\alpha}_{t-1}}{1 - \bar{\alpha}_t} \beta_t",
        r"\tilde{\mu}_t(x_t, x_0) = \frac{\sqrt{\bar{\alpha}_{t-1}} \, \beta_t}{1 - \bar{\alpha}_t} x_0 "
        r"+ \frac{\sqrt{\alpha_t} \, (1 - \bar{\alpha}_{t-1})}{1 - \bar{\alpha}_t} x_t",
        r"p_\theta(x_{t-1} | x_t) = \mathcal{N}(\tilde{\mu}_t(x_t, \hat{x}_0), \; \sigma_t^2 \mathbf{I})",
    ),
    functions=("diffusion.chain.Chain.posterior", "diffusion.chain.Chain.reverse", "diffusion.gaussian.Gaussian.kl"),
)
TERMS = Chapter(
    key="terms",
    title=("What training minimises", "Ce que l'apprentissage minimise"),
    text=(
        (
            "The bound on $-\\log p_\\theta(x_0)$ is a sum over the steps, here for this image: $L_T$ (what is left "
            "of the image at the end; nothing to learn), one divergence for each step, and $L_0$, the cost of "
            "rounding to grey levels in the last step. Each divergence is a squared error times a weight that depends "
            "on $t$ alone. $L_{\\mathrm{simple}}$ drops this weight: it trades the likelihood of the smallest details "
            "for the errors that are visible. A network that predicts something else ($x_0$, $v$, the velocity) "
            "weights the same errors by another factor of $t$.",
            "La borne sur $-\\log p_\\theta(x_0)$ est une somme sur les pas, ici pour cette image : $L_T$ (ce qui "
            "reste de l'image à la fin ; rien à apprendre), une divergence par pas, et $L_0$, le coût de l'arrondi "
            "aux niveaux de gris au dernier pas. Chaque divergence est une erreur quadratique multipliée par un poids "
            "qui ne dépend que de $t$. $L_{\\mathrm{simple}}$ supprime ce poids : on sacrifie la vraisemblance des "
            "plus petits détails aux erreurs visibles. Un réseau qui prédit autre chose ($x_0$, $v$, la vitesse) "
            "pondère les mêmes erreurs par un autre facteur de $t$.",
        ),
    ),
    equations=(
        r"L = D_{\mathrm{KL}}(q(x_T|x_0) \parallel p(x_T)) "
        r"+ \sum_{t=2}^{T} D_{\mathrm{KL}}(q(x_{t-1}|x_t, x_0) \parallel p_\theta(x_{t-1}|x_t)) "
        r"- \log p_\theta(x_0|x_1)",
        r"L_{t-1} = \frac{\beta_t^2}{2 \sigma_t^2 \alpha_t (1 - \bar{\alpha}_t)} \| \epsilon "
        r"- \epsilon_\theta(x_t, t) \|^2",
    ),
    functions=(
        "diffusion.bound.step_term",
        "diffusion.bound.prior_term",
        "diffusion.gaussian.discretised_log_likelihood",
        "diffusion.chain.Chain.loss_weight",
        "lecture.terms.terms",
    ),
)
REVERSE = Chapter(
    key="reverse",
    title=("Algorithm 2, frame by frame", "L'algorithme 2, image par image"),
    text=(
        (
            "Sampling runs backwards from pure noise: evaluate the network, move to the mean $\\mu_\\theta$, and add "
            "a little fresh noise $\\sigma_t z$ (none in the last step). Press play at the foot of the page. The "
            "noise of each step is shown at its true size: it shrinks as the image appears. The early steps decide "
            "what the image shows, the late ones its edges and textures.",
            "La génération part du bruit pur, à rebours : évaluer le réseau, aller à la moyenne $\\mu_\\theta$, "
            "ajouter un peu de bruit neuf $\\sigma_t z$ (aucun au dernier pas). Lancez la lecture au bas de la page. "
            "Le bruit de chaque pas est montré à sa vraie taille : il diminue quand l'image apparaît. Les premiers "
            "pas décident de ce que montre l'image, les derniers de ses bords et de ses textures.",
        ),
    ),
    equations=(
        r"x_T \sim \mathcal{N}(0, \mathbf{I}), \qquad t = T, \dots, 1",
        r"x_{t-1} = \frac{1}{\sqrt{\alpha_t}} ( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} "
        r"\epsilon_\theta(x_t, t) ) + \sigma_t z",
    ),
    functions=(
        "sampling.ancestral.Ancestral",
        "sampling.loop.trajectory",
        "sampling.sampler.Transition.posterior_mean",
        "lecture.reverse.reverse",
    ),
)
SAMPLERS = Chapter(
    key="samplers",
    title=("The same noise, different samplers", "Le même bruit, différents échantillonneurs"),
    text=(
        (
            "The same network, the same noise, and in each column the same number of network evaluations. "
            "Deterministic samplers follow one ordinary differential equation, so they all converge to the same "
            "image, the sooner the better they integrate; the number under an image is its distance from that limit, "
            "in per cent of the data range. Samplers that add noise converge to other images, so their distance does "
            "not go to zero: it does not measure their quality.",
            "Le même réseau, le même bruit, et dans chaque colonne le même nombre d'évaluations du réseau. Les "
            "échantillonneurs déterministes suivent une même équation différentielle ordinaire : tous convergent vers "
            "la même image, d'autant plus vite qu'ils intègrent bien ; le nombre sous une image est sa distance à "
            "cette limite, en pour cent de l'intervalle des données. Ceux qui ajoutent du bruit convergent vers "
            "d'autres images, et leur distance ne tend pas vers zéro : elle ne mesure pas leur qualité.",
        ),
    ),
    equations=(
        r"\frac{d x}{d t} = f(t) \, x - \frac{1}{2} g(t)^2 \nabla_x \log q_t(x), "
        r"\quad \nabla_x \log q_t(x) \approx - \frac{\epsilon_\theta(x, t)}{\sigma(t)}",
    ),
    functions=(
        "models.diffusion.Model.trajectory",
        "diffusion.process.drift",
        "diffusion.process.squared_diffusion",
        "lecture.samplers.samplers",
    ),
)
GUIDANCE = Chapter(
    key="guidance",
    title=("With and without the condition", "Avec et sans la condition"),
    text=(
        (
            "The network was trained with its condition $y$ given for most images and dropped for the others, so it "
            "has two predictions for the same $x_t$. Guidance extrapolates from the unconditional one through the "
            "conditional one: $w = 0$ ignores the condition, $w = 1$ is the model as trained, and above 1 the effect "
            "of the condition is amplified. By Bayes' theorem the difference is the gradient of $\\log q_t(y|x)$, "
            "that is of a classifier, although none was trained. In $\\hat{x}_0$ it is largest where little of the "
            "image is left; near $t = 1$ the image itself shows what it is. A larger $w$ gives images that match the "
            "condition more clearly, vary less, and in the end have too much contrast.",
            "Le réseau a été entraîné avec sa condition $y$ donnée pour la plupart des images et supprimée pour les "
            "autres : il a donc deux prédictions pour un même $x_t$. Le guidage extrapole de la prédiction "
            "inconditionnelle vers la conditionnelle : $w = 0$ ignore la condition, $w = 1$ est le modèle tel qu'il a "
            "été entraîné, et au-delà l'effet de la condition est amplifié. D'après le théorème de Bayes, la "
            "différence est le gradient de $\\log q_t(y|x)$, celui d'un classifieur, bien qu'aucun n'ait été "
            "entraîné. En $\\hat{x}_0$, elle est la plus grande là où il reste peu de l'image ; près de $t = 1$, "
            "l'image montre elle-même ce qu'elle est. Un $w$ plus grand donne des images qui répondent plus nettement "
            "à la condition, varient moins, et finissent par être trop contrastées.",
        ),
    ),
    equations=(
        r"\hat{x}_0 = u + w \, (c - u), \quad u = \hat{x}_0(x_t), \quad c = \hat{x}_0(x_t, y)",
        r"\nabla_x \log q_t(x | y) - \nabla_x \log q_t(x) = \nabla_x \log q_t(y | x)",
    ),
    functions=(
        "sampling.guidance.classifier_free.classifier_free",
        "conditioning.guidance_terms.branches",
        "lecture.guidance.guidance",
    ),
)
LATENTS = Chapter(
    key="latents",
    title=("The latents and their decoding", "Les latents et leur décodage"),
    text=(
        (
            "This model does not work on pixels: an autoencoder, trained first and then frozen, maps the image to "
            "latents $z_0$, and the whole chain runs on them. Below are their channels, each from $-2.5$ (dark) to "
            "$2.5$ (bright), and the images that they decode to.",
            "Ce modèle ne travaille pas sur les pixels : un auto-encodeur, entraîné d'abord puis figé, projette "
            "l'image sur des latents $z_0$, et toute la chaîne porte sur eux. Voici leurs canaux, chacun de $-2,5$ "
            "(sombre) à $2,5$ (clair), et les images obtenues par décodage.",
        ),
    ),
    equations=(
        r"z_0 = \mathcal{E}(x_0), \quad z_t = \sqrt{\bar{\alpha}_t} \, z_0 + \sqrt{1 "
        r"- \bar{\alpha}_t} \, \epsilon, \quad \hat{x}_0 = \mathcal{D}(\hat{z}_0)",
    ),
    functions=("autoencoders.codec.Codec", "models.diffusion.Model.images", "lecture.latents.latents"),
)
CHAPTERS = (FORWARD, SCHEDULES, WALK, POSTERIOR, TERMS, REVERSE, SAMPLERS, GUIDANCE, LATENTS)
