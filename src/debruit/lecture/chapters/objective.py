"""From the cross-entropy to the bound."""

from dataclasses import asdict

from debruit.lecture.chapter import Chapter, Json
from debruit.lecture.objective import DRAWS, TwoSteps, noise
from debruit.lecture.sprites import packed
from debruit.lecture.study import Study


def numbers(study: Study) -> Json:
    """Return the first settings and the noise of the estimates; the script computes the rest for every setting."""
    return {"start": asdict(TwoSteps()), "noise": packed(noise(study.seed)), "count": DRAWS, "unit": 4096}


CHAPTER = Chapter(
    key="objective",
    title=(
        "From cross-entropy to the variational bound",
        "De l'entropie croisée à la limite supérieure variationnelle",
    ),
    text=(
        (
            "Training should bring $p_\\theta(x_0)$ close to $q(x_0)$, and the cross-entropy $H(q, p_\\theta)$ "
            "measures how far it is: it is $H(q)$, which no model can change, plus a divergence that is 0 for "
            "$p_\\theta = q$ alone. But $p_\\theta(x_0)$ is an integral over all trajectories $x_{1:T}$. Written as "
            "an expectation over the forward process, it is the mean of a weight, $p_\\theta(x_{0:T}) / "
            "q(x_{1:T}|x_0)$. The logarithm of a mean cannot be estimated without bias from a few trajectories; "
            "Jensen's inequality exchanges the two, and the mean of a logarithm can, even from one trajectory.",
            "L'entraînement doit rapprocher $p_\\theta(x_0)$ de $q(x_0)$, et l'entropie croisée $H(q, p_\\theta)$ "
            "mesure ce qui les sépare encore : c'est $H(q)$, qu'aucun modèle ne peut changer, plus une divergence qui "
            "n'est nulle que si $p_\\theta = q$. Mais $p_\\theta(x_0)$ est une intégrale sur toutes les trajectoires "
            "$x_{1:T}$. Écrite comme une espérance sur le processus de diffusion vers l'avant, c'est la moyenne d'un "
            "poids, $p_\\theta(x_{0:T}) / q(x_{1:T}|x_0)$. Le logarithme d'une moyenne ne s'estime pas sans biais à "
            "partir de quelques trajectoires ; l'inégalité de Jensen échange les deux opérations, et la moyenne d'un "
            "logarithme s'estime même à partir d'une seule trajectoire.",
        ),
        (
            "The price is a gap: $\\mathcal{L}_{VUB} - H(q, p_\\theta)$ is exactly the divergence, averaged over "
            "$x_0$, between the trajectories of the forward process and those of the model that end in the same "
            "$x_0$. Here is a chain of two steps on Gaussian data, where every line of the derivation has an exact "
            "value. Make the model exact, and the gap vanishes. With the lecture's $p(x_2) = \\mathcal{N}(0, 1)$ a "
            "gap remains unless the chain ends in that distribution (move $\\beta_2$ towards 1).",
            "Le prix à payer est un écart : $\\mathcal{L}_{VUB} - H(q, p_\\theta)$ est exactement la divergence, "
            "moyennée sur $x_0$, entre les trajectoires du processus de diffusion vers l'avant et celles du modèle "
            "qui aboutissent au même $x_0$. Voici une chaîne de deux étapes sur des données gaussiennes, où chaque "
            "ligne de la démonstration a une valeur exacte. Rendez le modèle exact : l'écart s'annule. Avec $p(x_2) = "
            "\\mathcal{N}(0, 1)$, comme dans le cours, il reste un écart, à moins que la chaîne n'aboutisse à cette "
            "distribution (rapprochez $\\beta_2$ de 1).",
        ),
        (
            "The lecture says that minimising the bound works since $H(q, p_\\theta)$ is positive. For grey levels, "
            "which have probabilities, it is; for densities it may be negative (make $s_0$ small), and the sign plays "
            "no part: what counts is that $\\mathcal{L}_{VUB} \\geq H(q, p_\\theta)$, so that a low bound forces a "
            "low cross-entropy. Where the gap can be closed the two have the same minimum; else it may lie elsewhere. "
            "The last line of the lecture also leaves out the expectation over $q$, which remains.",
            "Le cours dit que minimiser la limite convient parce que $H(q, p_\\theta)$ est positive. C'est vrai pour "
            "des niveaux de gris, qui ont des probabilités ; pour des densités, elle peut être négative (choisissez "
            "un petit $s_0$), et le signe ne joue aucun rôle. Ce qui compte, c'est que $\\mathcal{L}_{VUB} \\geq H(q, "
            "p_\\theta)$ : une limite basse impose une entropie croisée basse. Si l'écart peut être comblé, les deux "
            "ont le même minimum ; sinon, il peut différer. La dernière ligne du cours omet aussi l'espérance sur "
            "$q$, qui demeure.",
        ),
        (
            "Three remarks. 1: $\\mathcal{L}_T$ has no parameter, since the $\\beta_t$ are chosen beforehand: it is a "
            "constant of the training, small if the chain ends in noise. 2: $\\mathcal{L}_0$ needs a decoder of its "
            "own (for 8-bit images, the mass of one grey level) or is left out. 3: in each $\\mathcal{L}_{t-1}$ both "
            "distributions are Gaussian, so that their divergence has a closed form; the next chapter measures these "
            "terms for this page's model.",
            "Trois remarques. 1 : $\\mathcal{L}_T$ n'a pas de paramètre, car les $\\beta_t$ sont choisis en amont : "
            "c'est une constante de l'entraînement, petite si la chaîne aboutit à du bruit. 2 : $\\mathcal{L}_0$ "
            "demande un décodeur particulier (pour des images de 8 bits, la masse d'un niveau de gris), ou bien on "
            "l'omet. 3 : dans chaque $\\mathcal{L}_{t-1}$, les deux distributions sont gaussiennes, et leur "
            "divergence a une formule explicite ; le chapitre suivant mesure ces termes pour le modèle de cette page.",
        ),
    ),
    equations=(
        r"H(q, p_\theta) = - \int q(x_0) \log p_\theta(x_0) \, d x_0 "
        r"= - \mathbb{E}_{x_0 \sim q} [ \log p_\theta(x_0) ]",
        r"H(q, p_\theta) = - \mathbb{E}_{x_0 \sim q} [ \log \int p_\theta(x_{0:T}) \, d x_{1:T} ]",
        r"= - \mathbb{E}_{x_0 \sim q} [ \log \int q(x_{1:T} | x_0) "
        r"\frac{p_\theta(x_{0:T})}{q(x_{1:T} | x_0)} \, d x_{1:T} ]",
        r"= - \mathbb{E}_{x_0 \sim q} [ \log \mathbb{E}_{x_{1:T} \sim q(x_{1:T} | x_0)} "
        r"[ \frac{p_\theta(x_{0:T})}{q(x_{1:T} | x_0)} ] ]",
        r"\phi(\mathbb{E}[X]) \leq \mathbb{E}[\phi(X)], \quad \phi = - \log",
        r"H(q, p_\theta) \leq \mathbb{E}_{x_{0:T} \sim q(x_{0:T})} "
        r"[ \log \frac{q(x_{1:T} | x_0)}{p_\theta(x_{0:T})} ] = \mathcal{L}_{VUB}",
        r"\mathcal{L}_{VUB} = \mathbb{E}_{x_{0:T} \sim q} [ \log \frac{q(x_T | x_0)}{p_\theta(x_T)} "
        r"+ \sum_{t=2}^{T} \log \frac{q(x_{t-1} | x_t, x_0)}{p_\theta(x_{t-1} | x_t)} "
        r"- \log p_\theta(x_0 | x_1) ]",
        r"= \mathbb{E}_q [ \underbrace{D_{\mathrm{KL}}(q(x_T | x_0) \parallel p_\theta(x_T))}_{\mathcal{L}_T} "
        r"+ \sum_{t=2}^{T} \underbrace{D_{\mathrm{KL}}(q(x_{t-1} | x_t, x_0) \parallel "
        r"p_\theta(x_{t-1} | x_t))}_{\mathcal{L}_{t-1}} \underbrace{- \log p_\theta(x_0 | x_1)}_{\mathcal{L}_0} ]",
        r"\mathcal{L}_{VUB} - H(q, p_\theta) = \mathbb{E}_{x_0 \sim q} "
        r"[ D_{\mathrm{KL}}(q(x_{1:T} | x_0) \parallel p_\theta(x_{1:T} | x_0)) ] \geq 0",
    ),
    functions=(
        "lecture.objective.TwoSteps.derivation",
        "lecture.objective.TwoSteps.log_weights",
        "lecture.objective.TwoSteps.gap",
        "lecture.objective.jensen",
    ),
    labels={
        "obj_exact": ("make the model exact", "rendre le modèle exact"),
        "obj_fitted": (
            "$p(x_2) = q(x_2)$ instead of $\\mathcal{N}(0, 1)$",
            "$p(x_2) = q(x_2)$ au lieu de $\\mathcal{N}(0, 1)$",
        ),
        "obj_std": ("$s_0$, standard deviation of the data", "$s_0$, écart-type des données"),
        "obj_error": ("relative error of the model's means", "erreur relative des moyennes du modèle"),
        "obj_factor": (
            "model's variances, relative to the exact ones",
            "variances du modèle, rapportées aux variances exactes",
        ),
        "obj_line": ("the derivation, line by line", "la démonstration, ligne par ligne"),
        "obj_nats": ("nats", "nats"),
        "obj_cross": ("cross-entropy, exact", "entropie croisée, exacte"),
        "obj_row_hq": ("entropy of the data", "entropie des données"),
        "obj_row_kl": ("divergence", "divergence"),
        "obj_split": ("their sum", "leur somme"),
        "obj_marginal": (
            "marginal, as an expectation (integral)",
            "théorème marginal, comme une espérance (intégrale)",
        ),
        "obj_jensen": ("Jensen's inequality", "inégalité de Jensen"),
        "obj_row_t": ("$\\mathcal{L}_T$, the end of the chain", "$\\mathcal{L}_T$, la fin de la chaîne"),
        "obj_row_1": ("$\\mathcal{L}_1$, the step from 2 to 1", "$\\mathcal{L}_1$, l'étape de 2 à 1"),
        "obj_row_0": ("$\\mathcal{L}_0$, the step from 1 to 0", "$\\mathcal{L}_0$, l'étape de 1 à 0"),
        "obj_parts": ("the sum of the three parts", "la somme des trois parties"),
        "obj_where": (
            "The model is $p(x_2) = \\mathcal{N}(0, \\rho)$, $p_\\theta(x_{t-1}|x_t) = \\mathcal{N}(a_t x_t, v_t)$, "
            "so that $p_\\theta(x_0) = \\mathcal{N}(0, P)$ with $P = a_1^2 (a_2^2 \\rho + v_2) + v_1$. $V_t$ is the "
            "variance of $x_t$ under $q$. The exact reverse process of the chain has $a_t = \\sqrt{\\alpha_t} V_{t-1} "
            "/ V_t$, $v_t = \\beta_t V_{t-1} / V_t$ and $\\rho = V_2$.",
            "Le modèle est $p(x_2) = \\mathcal{N}(0, \\rho)$, $p_\\theta(x_{t-1}|x_t) = \\mathcal{N}(a_t x_t, v_t)$, "
            "d'où $p_\\theta(x_0) = \\mathcal{N}(0, P)$ avec $P = a_1^2 (a_2^2 \\rho + v_2) + v_1$. $V_t$ est la "
            "variance de $x_t$ sous $q$. Le processus inverse exact de la chaîne a pour paramètres $a_t = "
            "\\sqrt{\\alpha_t} V_{t-1} / V_t$, $v_t = \\beta_t V_{t-1} / V_t$ et $\\rho = V_2$.",
        ),
        "obj_gap": ("gap", "écart"),
        "obj_minus": ("the same from the lines above", "le même, calculé d'après les lignes ci-dessus"),
        "obj_waterfall": (
            "the two sides of $H \\leq \\mathcal{L}_{VUB}$, nats",
            "les deux membres de $H \\leq \\mathcal{L}_{VUB}$, nats",
        ),
        "obj_weights": (
            "log of the weight on 2000 trajectories from $x_0$",
            "logarithme du poids, sur 2000 trajectoires issues de $x_0$",
        ),
        "obj_of_mean": ("log of the mean weight", "logarithme du poids moyen"),
        "obj_mean_of": ("mean of the log weight", "moyenne du logarithme du poids"),
        "obj_true": ("$\\log p_\\theta(x_0)$, exact", "$\\log p_\\theta(x_0)$, exact"),
        "obj_mean_weight": ("mean weight", "poids moyen"),
        "obj_at": ("gap at $x_0$: estimated, exact", "écart en $x_0$ : estimé, exact"),
        "obj_convex": (
            "Jensen: the chord lies above the curve $\\phi = -\\log$",
            "Jensen : la corde est au-dessus de la courbe $\\phi = -\\log$",
        ),
        "obj_weight": ("weight $w$ of $X_1$", "poids $w$ de $X_1$"),
        "obj_drag": (
            "Drag $X_1$ and $X_2$ along the curve. The gap is 0 if they coincide (or if $w$ is 0 or 1) and grows with "
            "their distance. In the bound, $X$ is the weight above: the more it varies between trajectories, the "
            "looser the bound.",
            "Déplacez $X_1$ et $X_2$ le long de la courbe. L'écart est nul s'ils coïncident (ou si $w$ vaut 0 ou 1) "
            "et croît avec leur distance. Dans la limite, $X$ est le poids ci-dessus : plus il varie d'une "
            "trajectoire à l'autre, moins la limite est serrée.",
        ),
    },
    symbols={
        "obj_beta1": r"\beta_1",
        "obj_beta2": r"\beta_2",
        "obj_x0": "x_0",
        "obj_cross": r"H(q, p_\theta) = \frac{1}{2} \log(2 \pi P) + \frac{s_0^2}{2 P}",
        "obj_row_hq": r"H(q) = \frac{1}{2} \log(2 \pi e s_0^2)",
        "obj_row_kl": r"D_{\mathrm{KL}}(q \parallel p_\theta) "
        r"= \frac{1}{2} ( \frac{s_0^2}{P} - 1 - \log \frac{s_0^2}{P} )",
        "obj_split": r"H(q) + D_{\mathrm{KL}}(q \parallel p_\theta)",
        "obj_row_t": r"\frac{1}{2} ( \frac{1 - \bar{\alpha}_2 + \bar{\alpha}_2 s_0^2}{\rho} - 1 "
        r"- \log \frac{1 - \bar{\alpha}_2}{\rho} )",
        "obj_row_1": r"\frac{1}{2} ( \frac{\tilde{\beta}_2}{v_2} - 1 - \log \frac{\tilde{\beta}_2}{v_2} "
        r"+ \frac{m}{v_2} ), \quad m = \mathbb{E}[(\tilde{\mu}_2 - a_2 x_2)^2]",
        "obj_row_0": r"\frac{1}{2} \log(2 \pi v_1) + \frac{s_0^2 - 2 a_1 \sqrt{\alpha_1} s_0^2 + a_1^2 V_1}{2 v_1}",
        "obj_abar": r"\bar{\alpha}_2",
        "obj_v1": "V_1",
        "obj_v2": "V_2",
        "obj_a1": "a_1",
        "obj_a2": "a_2",
        "obj_s1": "v_1",
        "obj_s2": "v_2",
        "obj_rho": r"\rho",
        "obj_p": "P",
        "obj_tilde": r"\tilde{\beta}_2",
        "obj_m": "m",
        "obj_marginal": r"- \mathbb{E}_{x_0} [ \log \mathbb{E}_{x_{1:2} \sim q(x_{1:2} | x_0)} "
        r"[ \frac{p_\theta(x_{0:2})}{q(x_{1:2} | x_0)} ] ]",
        "obj_jensen": r"\leq \mathbb{E}_{x_{0:2} \sim q} [ \log \frac{q(x_{1:2} | x_0)}{p_\theta(x_{0:2})} ] "
        r"= \mathcal{L}_{VUB}",
        "obj_parts": r"\mathcal{L}_T + \mathcal{L}_1 + \mathcal{L}_0",
        "obj_gap": r"\mathbb{E}_{x_0} [ D_{\mathrm{KL}}(q(x_{1:2} | x_0) \parallel p_\theta(x_{1:2} | x_0)) ]",
        "obj_minus": r"\mathcal{L}_{VUB} - H(q, p_\theta)",
        "obj_mean": r"\mathbb{E}[X]",
        "obj_curve": r"\phi(\mathbb{E}[X])",
        "obj_onchord": r"\mathbb{E}[\phi(X)]",
        "obj_hq": "H(q)",
        "obj_kl": r"D_{\mathrm{KL}}(q \parallel p_\theta)",
        "obj_h": r"H(q, p_\theta)",
        "obj_excess": r"\mathcal{L}_{VUB} - H",
        "obj_lvub": r"\mathcal{L}_{VUB}",
        "obj_l0": r"\mathcal{L}_0",
        "obj_l1": r"\mathcal{L}_1",
        "obj_lt": r"\mathcal{L}_T",
        "obj_px": r"p_\theta(x_0)",
    },
    numbers=numbers,
)
