"""Slides 1 to 20: introduction, family, probability, the forward and the reverse process."""

from debruit.lecture.slides.base import Slide

PROCESS = (
    Slide(
        number=1,
        idea=("Title: generative models, diffusion models", "Titre : modèles génératifs, modèles de diffusion"),
    ),
    Slide(
        number=2,
        idea=(
            "Why diffusion models: today's best images, made to order; a text and its image",
            "Intérêt des modèles de diffusion : les meilleures images actuelles, sous formes conditionnées ; un "
            "texte, une image",
        ),
        functions=("models.diffusion.Model.generate",),
        note=(
            "Midjourney and DALL-E are services: neither their weights nor their training can be examined. "
            '`debruit sample openmoji-64 --prompt "a red apple"` does the same in the small, with a model that can.',
            "Midjourney et DALL-E sont des services : on ne peut examiner ni leurs poids ni leur entraînement. "
            '`debruit sample openmoji-64 --prompt "pomme rouge"` fait de même en petit, avec un modèle ouvert.',
        ),
    ),
    Slide(
        number=3,
        idea=("The same, a second image", "De même, une deuxième image"),
        functions=("models.diffusion.Model.generate",),
    ),
    Slide(
        number=4,
        idea=("Recent extensions: text to video (Lumiere)", "Extensions récentes : du texte à la vidéo (Lumiere)"),
        note=(
            "The page shows images only. The mathematics of the lecture is the same for clips, whose tensors have one "
            "axis more.",
            "La page ne montre que des images. Les mathématiques du cours sont les mêmes pour des vidéos, dont les "
            "tenseurs ont un axe de plus.",
        ),
    ),
    Slide(
        number=5,
        idea=("Recent extensions: image to video (Lumiere)", "Extensions récentes : de l'image à la vidéo (Lumiere)"),
    ),
    Slide(
        number=6,
        idea=(
            "The family: score-based models, normalising flows, denoising diffusion probabilistic models",
            "La famille : modèles basés sur des scores, flux normalisants, modèles de diffusion probabiliste avec "
            "débruitage",
        ),
        equations=(
            r"\nabla_x \log q_t(x_t) \approx -\frac{\epsilon_\theta(x_t, t)}{\sqrt{1 - \bar{\alpha}_t}}",
            r"\frac{d x}{d t} = v_\theta(x, t)",
        ),
        chapters=("family",),
        functions=("diffusion.prediction.solve", "diffusion.processes.flow.Flow", "diffusion.processes.ve.VE"),
        note=(
            "The three are one model in different words: score, velocity and noise follow from each other. The flows "
            "trained today are continuous ones, by flow matching; a classical normalising flow needs an invertible "
            "network and is trained by maximum likelihood.",
            "Les trois sont un même modèle sous des noms différents : score, vitesse et bruit se déduisent les uns "
            "des autres. Les flux que l'on entraîne aujourd'hui sont continus, par appariement de flux ; un flux "
            "normalisant classique exige un réseau inversible et s'entraîne par maximum de vraisemblance.",
        ),
    ),
    Slide(
        number=7,
        idea=("DDPM: section, and where the mathematics is written out", "DDPM : section, et où lire les calculs"),
        chapters=("probability",),
    ),
    Slide(
        number=8,
        idea=(
            "A generative model like VAEs, built on a Markov chain",
            "Un modèle génératif, comme les VAE, fondé sur une chaîne de Markov",
        ),
        chapters=("family", "probability"),
        functions=("diffusion.bound.bound",),
        note=(
            "A DDPM is a hierarchical VAE with as many latents as steps, whose encoder is fixed and whose latents have "
            "the size of the image.",
            "Un DDPM est un VAE hiérarchique qui a autant de variables latentes que d'étapes, dont l'encodeur est "
            "fixé et dont les variables latentes ont la taille de l'image.",
        ),
    ),
    Slide(
        number=9,
        idea=(
            "A chain of steps adds noise slowly; the model learns to invert it",
            "Une chaîne d'étapes ajoute lentement du bruit ; le modèle apprend à l'inverser",
        ),
        chapters=("probability", "forward"),
        functions=("diffusion.chain.Chain",),
    ),
    Slide(
        number=10,
        idea=("Bayes' theorem and the marginal", "Théorème de Bayes et théorème marginal"),
        equations=(
            r"q(x_{t-1} \mid x_t) = \frac{q(x_t \mid x_{t-1}) \, q(x_{t-1})}{q(x_t)}",
            r"q(x_0) = \int q(x_{0:T}) \, d x_{1:T}",
        ),
        chapters=("probability",),
        functions=("lecture.probability.theorems",),
    ),
    Slide(
        number=11,
        idea=("The chain rule of probability", "Théorème des probabilités conditionnelles"),
        equations=(r"q(x_{1:T} \mid x_0) = q(x_T \mid x_{0:T-1}) \, q(x_{T-1} \mid x_{0:T-2}) \cdots q(x_1 \mid x_0)",),
        chapters=("probability",),
        functions=("lecture.probability.theorems",),
    ),
    Slide(
        number=12,
        idea=(
            "The Markov property; Bayes' theorem given $x_0$; the joint distribution of the model",
            "Propriété de Markov ; théorème de Bayes sachant $x_0$ ; distribution conjointe du modèle",
        ),
        equations=(
            r"q(x_{1:T} \mid x_0) = \prod_{t=1}^{T} q(x_t \mid x_{t-1})",
            r"q(x_t \mid x_{t-1}) = \frac{q(x_{t-1} \mid x_t, x_0) \, q(x_t \mid x_0)}{q(x_{t-1} \mid x_0)}",
            r"p_\theta(x_{0:T}) = p(x_T) \prod_{t=1}^{T} p_\theta(x_{t-1} \mid x_t)",
        ),
        chapters=("probability",),
        functions=("diffusion.chain.Chain.q_step", "diffusion.chain.Chain.posterior"),
        note=(
            "The lecture writes $p_\\theta(x_T)$; it is $\\mathcal{N}(0, \\mathbf{I})$ and has no parameters.",
            "Le cours écrit $p_\\theta(x_T)$ ; c'est $\\mathcal{N}(0, \\mathbf{I})$, sans paramètre.",
        ),
    ),
    Slide(
        number=13,
        idea=(
            "The forward diffusion process: a little Gaussian noise at each step",
            "Processus de diffusion vers l'avant : un peu de bruit gaussien à chaque étape",
        ),
        equations=(r"x_0 \sim q(x_0)",),
        chapters=("forward",),
        functions=("lecture.forward.forward",),
    ),
    Slide(
        number=14,
        idea=(
            "The forward process is a Markov chain",
            "Le processus de diffusion vers l'avant est une chaîne de Markov",
        ),
        equations=(r"q(x_t \mid x_{t-1}) = \mathcal{N}(\sqrt{1 - \beta_t} \, x_{t-1}, \beta_t \mathbf{I})",),
        chapters=("walk",),
        functions=("diffusion.chain.Chain.q_step", "lecture.walk.walk"),
        note=(
            "The factor $\\sqrt{1 - \\beta_t}$ keeps the variance: data of variance 1 has variance 1 at every step.",
            "Le facteur $\\sqrt{1 - \\beta_t}$ conserve la variance : des données de variance 1 la gardent à chaque "
            "étape.",
        ),
    ),
    Slide(
        number=15,
        idea=(
            "The noise schedule: linear or cosine; $\\beta_t = 0$ and $\\beta_t = 1$",
            "Le calendrier de bruit : linéaire ou cosinus ; $\\beta_t = 0$ et $\\beta_t = 1$",
        ),
        equations=(
            r"\beta_t = \text{clip}(1 - \frac{\bar{\alpha}_t}{\bar{\alpha}_{t-1}}, 0.999), \quad "
            r"\bar{\alpha}_t = \frac{f(t)}{f(0)}, \quad f(t) = \cos(\frac{t/T + s}{1 + s} \cdot \frac{\pi}{2})^2",
        ),
        chapters=("schedules",),
        functions=("diffusion.chain.Linear", "diffusion.chain.Cosine", "diffusion.chain.ScaledLinear"),
        note=(
            "Linear means from 0.0001 to 0.02 over 1000 steps; the cosine has $s = 0.008$, and its $\\beta_t$ is "
            'clipped from above only. The latent models\' "linear" schedule is linear in $\\sqrt{\\beta_t}$: '
            "`ScaledLinear`.",
            "Linéaire veut dire de 0,0001 à 0,02 en 1000 étapes ; le cosinus a $s = 0{,}008$, et $\\beta_t$ n'y est "
            "borné que par le haut. Le calendrier « linéaire » des modèles latents est linéaire en "
            "$\\sqrt{\\beta_t}$ : `ScaledLinear`.",
        ),
    ),
    Slide(
        number=16,
        idea=(
            "The reparametrisation trick, and $x_t$ directly from $x_0$",
            "L'astuce de reparamétrisation, et $x_t$ exprimé directement en fonction de $x_0$",
        ),
        equations=(
            r"x_t = \sqrt{1 - \beta_t} \, x_{t-1} + \sqrt{\beta_t} \, \epsilon_{t-1}",
            r"x_t = \sqrt{\bar{\alpha}_t} \, x_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon_t",
        ),
        chapters=("walk", "forward"),
        functions=("diffusion.chain.Chain.q", "diffusion.chain.Chain.abar"),
        note=(
            "A noise is drawn from a distribution: $\\epsilon \\sim \\mathcal{N}(0, \\mathbf{I})$, not equal to it. "
            "The $\\epsilon_t$ of the closed form is a weighted sum of all noises up to $t$, of variance 1, and not "
            "the noise of step $t$.",
            "Un bruit est tiré d'une distribution : $\\epsilon \\sim \\mathcal{N}(0, \\mathbf{I})$ ; il ne lui est "
            "pas égal. Le bruit $\\epsilon_t$ de la formule explicite est une somme pondérée de tous les bruits "
            "jusqu'à $t$, de variance 1, et non le bruit de l'étape $t$.",
        ),
    ),
    Slide(
        number=17,
        idea=("The forward process in short", "Processus de diffusion vers l'avant : pour résumer"),
        equations=(r"q(x_t \mid x_0) = \mathcal{N}(\sqrt{\bar{\alpha}_t} \, x_0, (1 - \bar{\alpha}_t) \mathbf{I})",),
        chapters=("forward", "walk"),
        functions=("diffusion.chain.Chain.q", "lecture.forward.forward"),
    ),
    Slide(
        number=18,
        idea=(
            "The reverse process: $q(x_{t-1} \\mid x_t)$ would generate images, but is intractable",
            "Processus inverse : $q(x_{t-1} \\mid x_t)$ permettrait de générer des images, mais elle est insoluble",
        ),
        equations=(r"q(x_{t-1} \mid x_t) = \frac{q(x_t \mid x_{t-1}) \, q(x_{t-1})}{q(x_t)}",),
        chapters=("probability", "posterior"),
        functions=("lecture.probability.probability", "lecture.mixture.reverse"),
        note=(
            "Both $q(x_{t-1})$ and $q(x_t)$ are unknown: each is an integral over all images. In one dimension it can "
            "be computed, which the page does.",
            "Ni $q(x_{t-1})$ ni $q(x_t)$ ne sont connues : chacune est une intégrale sur toutes les images. En une "
            "dimension, cette intégrale se calcule, et la page la calcule.",
        ),
    ),
    Slide(
        number=19,
        idea=(
            "A Gaussian model $p_\\theta(x_{t-1} \\mid x_t)$ approximates it",
            "Un modèle gaussien $p_\\theta(x_{t-1} \\mid x_t)$ l'approxime",
        ),
        equations=(r"p_\theta(x_{t-1} \mid x_t) = \mathcal{N}(\mu_\theta(x_t, t), \Sigma_\theta(x_t, t))",),
        chapters=("posterior",),
        functions=("diffusion.chain.Chain.reverse",),
        note=(
            "The Gaussian hypothesis is good for small $\\beta_t$ only: over a long step the true distribution can "
            "have several modes. That is why the chain has so many steps.",
            "L'hypothèse gaussienne n'est bonne que si $\\beta_t$ est petit : sur une longue étape, la vraie "
            "distribution peut avoir plusieurs modes. C'est pourquoi la chaîne compte tant d'étapes.",
        ),
    ),
    Slide(
        number=20,
        idea=("The reverse process in short", "Processus inverse : pour résumer"),
        equations=(r"p_\theta(x_{0:T}) = p(x_T) \prod_{t=1}^{T} p_\theta(x_{t-1} \mid x_t)",),
        chapters=("posterior", "reverse"),
        functions=("diffusion.chain.Chain.reverse", "sampling.ancestral.Ancestral"),
    ),
)
