"""Slides 21 to 32: the training objective, the architecture, and the two algorithms."""

from debruit.lecture.slides.base import Slide

OBJECTIVE = (
    Slide(
        number=21,
        idea=(
            "Minimise the cross-entropy; the marginal as an expectation over the chain",
            "Minimiser l'entropie croisée ; réécriture par le théorème marginal",
        ),
        equations=(
            r"H(q, p_\theta) = -\mathbb{E}_{x_0 \sim q} [\log p_\theta(x_0)]",
            r"p_\theta(x_0) = \mathbb{E}_{x_{1:T} \sim q(x_{1:T} \mid x_0)} "
            r"[\frac{p_\theta(x_{0:T})}{q(x_{1:T} \mid x_0)}]",
        ),
        chapters=("objective",),
        functions=("lecture.objective.TwoSteps.derivation",),
        note=(
            "$H(q, p_\\theta) = H(q) + D_{KL}(q \\parallel p_\\theta)$: the first part does not depend on the model, "
            "so minimising the cross-entropy minimises the divergence.",
            "$H(q, p_\\theta) = H(q) + D_{KL}(q \\parallel p_\\theta)$ : le premier terme ne dépend pas du modèle ; "
            "minimiser l'entropie croisée, c'est donc minimiser la divergence.",
        ),
    ),
    Slide(
        number=22,
        idea=("Jensen's inequality", "Inégalité de Jensen"),
        equations=(
            r"\phi(\mathbb{E}[X]) \leq \mathbb{E}[\phi(X)]",
            r"H(q, p_\theta) \leq \mathbb{E}_{x_{0:T} \sim q} "
            r"[\log \frac{q(x_{1:T} \mid x_0)}{p_\theta(x_{0:T})}]",
        ),
        chapters=("objective",),
        functions=("lecture.objective.jensen",),
        note=(
            "$\\phi$ must be convex: here it is $-\\log$. Of the four signs $\\leq$ only the first is an inequality; "
            "the lines after it are equal to each other.",
            "$\\phi$ doit être convexe : ici c'est $-\\log$. Des quatre signes $\\leq$, seul le premier est une "
            "inégalité ; les lignes suivantes sont égales entre elles.",
        ),
    ),
    Slide(
        number=23,
        idea=("The variational upper bound", "Limite supérieure variationnelle"),
        equations=(
            r"\mathcal{L}_{VUB} = \mathbb{E}_{x_{0:T} \sim q} "
            r"[\log \frac{q(x_{1:T} \mid x_0)}{p_\theta(x_{0:T})}]",
        ),
        chapters=("objective",),
        functions=("diffusion.bound.bound", "models.diffusion.Model.bound"),
        note=(
            "The cross-entropy of a density can be negative, so its sign is not the reason. What counts is $H \\leq "
            "\\mathcal{L}_{VUB}$: a smaller bound leaves less room for $H$. If the model can close the gap, the two "
            "have the same minimum; else it may lie elsewhere.",
            "L'entropie croisée d'une densité peut être négative : son signe n'est donc pas la raison. Ce qui compte, "
            "c'est que $H \\leq \\mathcal{L}_{VUB}$ : une limite plus basse laisse moins de marge à $H$. Si le "
            "modèle peut combler l'écart, les deux ont le même minimum ; sinon, il peut différer.",
        ),
    ),
    Slide(
        number=24,
        idea=("The variational upper bound in three parts", "La limite supérieure variationnelle en trois parties"),
        equations=(
            r"\mathcal{L}_{VUB} = \mathbb{E}_q [ D_{KL}(q(x_T \mid x_0) \parallel p(x_T)) + \sum_{t=2}^{T} "
            r"D_{KL}(q(x_{t-1} \mid x_t, x_0) \parallel p_\theta(x_{t-1} \mid x_t)) - \log p_\theta(x_0 \mid x_1) ]",
        ),
        chapters=("objective", "terms"),
        functions=("diffusion.bound.terms", "diffusion.bound.prior_term", "diffusion.bound.step_term"),
        note=(
            "The second line of the lecture drops the expectation over $q$; it stays, and $L_0$ includes the minus "
            "sign.",
            "La deuxième ligne du cours omet l'espérance sur $q$ ; elle demeure, et $L_0$ comprend le signe moins.",
        ),
    ),
    Slide(
        number=25,
        idea=(
            "Three remarks: $L_T$ is constant, $L_0$ is a decoder, and the posterior by the noise",
            "Trois remarques : $L_T$ est constant, $L_0$ est un décodeur, et la distribution a posteriori s'écrit "
            "avec le bruit",
        ),
        equations=(
            r"\tilde{\mu}_t = \frac{1}{\sqrt{\alpha_t}} ( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} "
            r"\epsilon_t ), \quad \tilde{\beta}_t = \frac{1 - \bar{\alpha}_{t-1}}{1 - \bar{\alpha}_t} \beta_t",
        ),
        chapters=("terms", "posterior"),
        functions=(
            "diffusion.chain.Chain.posterior",
            "diffusion.chain.Chain.posterior_from_eps",
            "diffusion.gaussian.discretised_log_likelihood",
        ),
        note=(
            "$q(x_T \\mid x_0)$ is not deterministic: it is a distribution without parameters to learn.",
            "$q(x_T \\mid x_0)$ n'est pas déterministe : c'est une distribution sans paramètre à apprendre.",
        ),
    ),
    Slide(
        number=26,
        idea=(
            "Make two Gaussians equal: with equal variances their means remain",
            "Rapprocher deux gaussiennes : à variances égales, il reste les moyennes",
        ),
        equations=(r"\Sigma_\theta(x_t, t) = \sigma_t^2 \mathbf{I} = \tilde{\beta}_t \mathbf{I}",),
        chapters=("posterior",),
        functions=("diffusion.chain.Chain.reverse_variance", "diffusion.gaussian.Gaussian.kl"),
        note=(
            "The lecture writes $\\sigma_t \\mathbf{I}$; the variance is $\\sigma_t^2$. $\\beta_t$ is the other usual "
            "choice, and a network can learn a value between the two. debruit takes $\\tilde{\\beta}_t$ wherever it "
            "reports a bound, unless the network learned the variance.",
            "Le cours écrit $\\sigma_t \\mathbf{I}$ ; la variance est $\\sigma_t^2$. $\\beta_t$ est l'autre choix "
            "usuel, et un réseau peut apprendre une valeur entre les deux. debruit prend $\\tilde{\\beta}_t$ partout "
            "où il donne la limite supérieure variationnelle, sauf si le réseau a appris la variance.",
        ),
    ),
    Slide(
        number=27,
        idea=(
            "Each term is a weighted error of the noise; dropping the weight gives the simple loss",
            "Chaque terme est une erreur pondérée sur le bruit ; sans le terme de pondération, c'est la fonction de "
            "perte simple",
        ),
        equations=(
            r"\mathcal{L}_{t-1} = \mathbb{E} [ \frac{(1 - \alpha_t)^2}{2 \alpha_t (1 - \bar{\alpha}_t) "
            r"\tilde{\beta}_t} "
            r"\| \epsilon_t - \epsilon_\theta(x_t, t) \|^2 ]",
            r"\mathcal{L}^{simple} = \mathbb{E}_{x_0, \epsilon, t} [\| \epsilon_t - \epsilon_\theta(x_t, t) \|^2]",
        ),
        chapters=("terms",),
        functions=("diffusion.chain.Chain.loss_weight", "diffusion.weighting.Simple"),
        note=(
            "The lecture squares the variance in the denominator; the divergence of two Gaussians divides by "
            "$2 \\sigma_t^2$, once. At $t = 1$ the posterior has no variance, and $L_0$ is used instead.",
            "Le cours met la variance au carré au dénominateur ; la divergence de deux gaussiennes divise par $2 "
            "\\sigma_t^2$, une seule fois. À $t = 1$, la distribution a posteriori n'a pas de variance, et l'on prend "
            "$L_0$.",
        ),
    ),
    Slide(
        number=28,
        idea=(
            "Architecture, key points: the only unknown is the noise, predicted by a network",
            "Architecture, points clés : la seule inconnue est le bruit, qu'un réseau estime",
        ),
        equations=(
            r"\mu_\theta(x_t, t) = \frac{1}{\sqrt{\alpha_t}} ( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} "
            r"\epsilon_\theta(x_t, t) )",
        ),
        chapters=("training", "posterior"),
        functions=("diffusion.denoiser.Denoiser", "diffusion.prediction.solve"),
    ),
    Slide(
        number=29,
        idea=(
            "Any $t$ in training; the predicted noise leads from $x_t$ to $x_{t-1}$",
            "Toute étape $t$ à l'entraînement ; le bruit estimé mène de $x_t$ à $x_{t-1}$",
        ),
        chapters=("training", "reverse"),
        functions=("diffusion.objective.Objective", "lecture.training.training"),
        note=(
            "$x_{t-1}$ is not recovered but drawn: the predicted noise gives the mean of its distribution.",
            "$x_{t-1}$ n'est pas retrouvé mais tiré : le bruit estimé donne la moyenne de sa distribution.",
        ),
    ),
    Slide(
        number=30,
        idea=(
            "A U-Net with an encoding of the time",
            "Un U-Net avec un encodage de position pour l'information temporelle",
        ),
        chapters=("network",),
        functions=("networks.unet.UNet", "lecture.network.anatomy", "lecture.time_encoding.time_encoding"),
    ),
    Slide(
        number=31,
        idea=("Attention layers", "Couches d'attention"),
        chapters=("network",),
        functions=("networks.attention.SelfAttention", "lecture.attention.attention_maps"),
    ),
    Slide(
        number=32,
        idea=(
            "Algorithm 1, training, and algorithm 2, sampling",
            "Algorithme 1, entraînement, et algorithme 2, inférence / génération",
        ),
        equations=(
            r"\nabla_\theta \| \epsilon - \epsilon_\theta(\sqrt{\bar{\alpha}_t} \, x_0 + "
            r"\sqrt{1 - \bar{\alpha}_t} \, \epsilon, t) \|^2",
            r"x_{t-1} = \frac{1}{\sqrt{\alpha_t}} ( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} "
            r"\epsilon_\theta(x_t, t) ) + \sigma_t z",
        ),
        chapters=("training", "reverse", "samplers"),
        functions=("diffusion.objective.Objective", "sampling.ancestral.Ancestral", "lecture.reverse.reverse"),
        note=(
            "Algorithm 2 as printed has no clipping. The DDPM authors' code clips $\\hat{x}_0$ to the data's range "
            "before it forms the mean; debruit's `clip` does the same. The page shows both.",
            "L'algorithme 2, tel qu'il est écrit, n'écrête rien. Le programme des auteurs de l'article DDPM écrête "
            "$\\hat{x}_0$ à l'intervalle des données avant de calculer la moyenne ; le réglage `clip` de debruit fait "
            "de même. La page montre les deux.",
        ),
    ),
)
