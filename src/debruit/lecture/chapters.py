"""The page's chapters: what each says in English and French, its equations, and the functions of the package that compute it.

Prose holds mathematics between dollar signs (maths.py). A test imports every function named here and reads every equation.
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
    title=("Adding noise, and guessing it", "Ajouter du bruit, et le deviner"),
    text=(
        (
            "The forward chain needs no training: at any step $t$ it is the image, faded, plus Gaussian noise $\\epsilon$. The network sees $x_t$ "
            "and $t$ alone and says which noise it believes in, $\\epsilon_\\theta$; that is as much as saying which image it believes in, "
            "$\\hat{x}_0$. Training (algorithm 1) asks at random $t$ that the two noises agree. Move $t$ at the foot of the page: near $t = 1$ the "
            "image is plain and the noise hard to tell; near $t = T$ it is the other way round, and $\\hat{x}_0$ becomes a blurred mean of what "
            "could be there.",
            "La chaîne avant ne demande aucun apprentissage : à tout instant $t$, c'est l'image, affaiblie, plus un bruit gaussien $\\epsilon$. Le "
            "réseau ne voit que $x_t$ et $t$, et dit à quel bruit il croit, $\\epsilon_\\theta$ ; c'est dire aussi à quelle image il croit, "
            "$\\hat{x}_0$. L'apprentissage (algorithme 1) demande, à des $t$ tirés au hasard, que les deux bruits s'accordent. Déplacez $t$ au bas "
            "de la page : près de $t = 1$ l'image est évidente et le bruit difficile à lire ; près de $t = T$ c'est l'inverse, et $\\hat{x}_0$ "
            "devient une moyenne floue de ce qui pourrait s'y trouver.",
        ),
    ),
    equations=(
        r"x_t = \sqrt{\bar{\alpha}_t} \, x_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon, \quad \epsilon \sim \mathcal{N}(0, \mathbf{I})",
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
            "A schedule chooses the variances $\\beta_t$; everything else follows. Linear $\\beta$ destroys the image early and spends its last "
            "third on what is noise already; the cosine schedule was made to lose it evenly. Processes in continuous time (Flow, VE, VPCosine) are "
            "shown as the chain of 1000 steps that they are once divided by their scale. This model's own is the thick line.",
            "Un plan de bruit choisit les variances $\\beta_t$ ; tout le reste en découle. Un $\\beta$ linéaire détruit l'image tôt et passe son "
            "dernier tiers sur ce qui n'est déjà que du bruit ; le plan en cosinus a été conçu pour la perdre régulièrement. Les processus en temps "
            "continu (Flow, VE, VPCosine) sont montrés comme la chaîne de 1000 pas qu'ils sont, une fois divisés par leur échelle. Celui de ce "
            "modèle est le trait épais.",
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
        "lecture.chains.OfProcess",
        "lecture.schedules.schedules",
    ),
)
WALK = Chapter(
    key="walk",
    title=("One step at a time, or all at once", "Pas à pas, ou d'un seul coup"),
    text=(
        (
            "Walkers start at the value of the chosen pixel (click one in any picture) and take the chain's steps one after the other: shrink a "
            "little, add a little noise. Where they are after $t$ steps is the histogram; the curve is the closed form, which never took a step. "
            "That the two agree is what makes training cheap: any $x_t$ costs one draw.",
            "Des marcheurs partent de la valeur du pixel choisi (cliquez-en un dans n'importe quelle image) et font les pas de la chaîne l'un après "
            "l'autre : se contracter un peu, ajouter un peu de bruit. Leur place après $t$ pas est l'histogramme ; la courbe est la forme directe, "
            "qui n'a fait aucun pas. Leur accord est ce qui rend l'apprentissage peu coûteux : tout $x_t$ ne coûte qu'un tirage.",
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
    title=("The step back, with and without the answer", "Le pas en arrière, avec et sans la réponse"),
    text=(
        (
            "Who knows $x_0$ knows where $x_{t-1}$ was: the posterior $q(x_{t-1}|x_t, x_0)$ is a Gaussian, by Bayes. The model does not know it and "
            "puts $\\hat{x}_0$ in its place: $p_\\theta(x_{t-1}|x_t)$. The two have one variance and differ in their means; their divergence, summed "
            "over the pixels, is one term of the bound. Here they are for the chosen pixel.",
            "Qui connaît $x_0$ sait où était $x_{t-1}$ : la loi a posteriori $q(x_{t-1}|x_t, x_0)$ est gaussienne, d'après Bayes. Le modèle ne le "
            "connaît pas et met $\\hat{x}_0$ à sa place : $p_\\theta(x_{t-1}|x_t)$. Les deux ont une même variance et diffèrent par leurs moyennes ; "
            "leur divergence, sommée sur les pixels, est un terme de la borne. Les voici pour le pixel choisi.",
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
            "The bound on $-\\log p_\\theta(x_0)$ is a sum over the steps, on this image: $L_T$ (what is left of it at the end; nothing to learn), "
            "one divergence for each step, and $L_0$, the cost of the last step's rounding to grey levels. Each divergence is a squared error times "
            "a weight that depends on $t$ alone. $L_{\\mathrm{simple}}$ leaves the weight out: it gives up the likelihood of the smallest details "
            "for the errors that are seen. A network that predicts something else ($x_0$, $v$, the velocity) weighs the same errors once more by a "
            "factor of $t$.",
            "La borne sur $-\\log p_\\theta(x_0)$ est une somme sur les pas, ici pour cette image : $L_T$ (ce qu'il en reste à la fin ; rien à "
            "apprendre), une divergence par pas, et $L_0$, le coût de l'arrondi du dernier pas aux niveaux de gris. Chaque divergence est une erreur "
            "quadratique multipliée par un poids qui ne dépend que de $t$. $L_{\\mathrm{simple}}$ supprime ce poids : on abandonne la vraisemblance "
            "des plus petits détails au profit des erreurs qui se voient. Un réseau qui prédit autre chose ($x_0$, $v$, la vitesse) pèse encore les "
            "mêmes erreurs par un facteur de $t$.",
        ),
    ),
    equations=(
        r"L = D_{\mathrm{KL}}(q(x_T|x_0) \parallel p(x_T)) "
        r"+ \sum_{t=2}^{T} D_{\mathrm{KL}}(q(x_{t-1}|x_t, x_0) \parallel p_\theta(x_{t-1}|x_t)) - \log p_\theta(x_0|x_1)",
        r"L_{t-1} = \frac{\beta_t^2}{2 \sigma_t^2 \alpha_t (1 - \bar{\alpha}_t)} \| \epsilon - \epsilon_\theta(x_t, t) \|^2",
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
            "Sampling runs backwards from pure noise: ask the network, go to the mean $\\mu_\\theta$, and add a little fresh noise $\\sigma_t z$ "
            "(none in the last step). Press play at the foot of the page. The noise of the step is shown at its own size: it shrinks as the image "
            "appears. Early steps decide what the image is, late ones its edges and textures.",
            "La génération part du bruit pur, à rebours : interroger le réseau, aller à la moyenne $\\mu_\\theta$, ajouter un peu de bruit neuf "
            "$\\sigma_t z$ (aucun au dernier pas). Lancez la lecture au bas de la page. Le bruit du pas est montré à sa propre taille : il diminue "
            "quand l'image apparaît. Les premiers pas décident de ce qu'est l'image, les derniers de ses bords et de ses textures.",
        ),
    ),
    equations=(
        r"x_T \sim \mathcal{N}(0, \mathbf{I}), \qquad t = T, \dots, 1",
        r"x_{t-1} = \frac{1}{\sqrt{\alpha_t}} ( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} \epsilon_\theta(x_t, t) ) + \sigma_t z",
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
    title=("One noise, many samplers", "Un bruit, plusieurs échantillonneurs"),
    text=(
        (
            "The same network, the same noise, the same number of questions asked of the network in each column. Samplers without noise of their own "
            "follow one ordinary differential equation, so they all end at the same image, the sooner the better they integrate; the number under a "
            "picture is its distance from that image, in per cent of the data's range. Samplers that add noise end elsewhere, and their distance "
            "does not go to zero: it is no measure of their quality.",
            "Le même réseau, le même bruit, le même nombre de questions posées au réseau dans chaque colonne. Les échantillonneurs sans bruit propre "
            "suivent une même équation différentielle ordinaire : tous aboutissent à la même image, d'autant plus vite qu'ils intègrent bien ; le "
            "nombre sous une image est sa distance à celle-là, en pour cent de l'intervalle des données. Ceux qui ajoutent du bruit aboutissent "
            "ailleurs, et leur distance ne tend pas vers zéro : elle ne mesure pas leur qualité.",
        ),
    ),
    equations=(
        r"\frac{d x}{d t} = f(t) \, x - \frac{1}{2} g(t)^2 \nabla_x \log q_t(x), \quad \nabla_x \log q_t(x) \approx - \frac{\epsilon_\theta(x, t)}{\sigma(t)}",
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
            "The network was trained with its condition $y$ mostly told and sometimes withheld, so it has two guesses of the same $x_t$. Guidance goes "
            "from the one through the other: $w = 0$ ignores the condition, $w = 1$ is the model as trained, and above 1 what the condition adds is "
            "exaggerated. By Bayes that difference is the gradient of $\\log q_t(y|x)$, a classifier that nobody trained. In $\\hat{x}_0$ it is largest "
            "where little of the image is left; near $t = 1$ the image itself says what it is. A larger $w$ gives images that are more clearly of the "
            "condition, more alike, and in the end too strong in contrast.",
            "Le réseau a appris avec sa condition $y$ le plus souvent donnée et parfois retirée : il a donc deux idées d'un même $x_t$. Le guidage part "
            "de l'une et passe par l'autre : $w = 0$ ignore la condition, $w = 1$ est le modèle tel qu'il a été appris, et au-delà ce que la condition "
            "ajoute est exagéré. D'après Bayes, cette différence est le gradient de $\\log q_t(y|x)$, un classifieur que personne n'a entraîné. En "
            "$\\hat{x}_0$ elle est la plus grande là où il reste peu de l'image ; près de $t = 1$ l'image dit elle-même ce qu'elle est. Un $w$ plus "
            "grand donne des images qui répondent plus nettement à la condition, se ressemblent davantage, et finissent par être trop contrastées.",
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
    title=("The latents, and their decoding", "Les latents, et leur décodage"),
    text=(
        (
            "This model does not work on pixels: an autoencoder, trained first and then frozen, maps the image to latents $z_0$, and the whole chain "
            "runs on them. Below are their channels, each from $-2.5$ (dark) to $2.5$ (bright), and the pictures that they decode to.",
            "Ce modèle ne travaille pas sur les pixels : un auto-encodeur, appris d'abord puis figé, projette l'image sur des latents $z_0$, et "
            "toute la chaîne porte sur eux. Voici leurs canaux, chacun de $-2,5$ (sombre) à $2,5$ (clair), et les images qu'ils donnent après "
            "décodage.",
        ),
    ),
    equations=(
        r"z_0 = \mathcal{E}(x_0), \quad z_t = \sqrt{\bar{\alpha}_t} \, z_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon, \quad \hat{x}_0 = \mathcal{D}(\hat{z}_0)",
    ),
    functions=("autoencoders.codec.Codec", "models.diffusion.Model.images", "lecture.latents.latents"),
)
CHAPTERS = (FORWARD, SCHEDULES, WALK, POSTERIOR, TERMS, REVERSE, SAMPLERS, GUIDANCE, LATENTS)
