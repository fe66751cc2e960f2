# Source of lecture.ipynb (English) and cours.ipynb (French): build.py makes both. A cell begins with "# %%"; a cell of
# prose names its language, and English comes before French. Code cells are the same in both notebooks.

# %% [markdown] en
# # The lecture as a notebook: from the DDPM to latent diffusion
#
# This notebook walks through a university lecture on diffusion models in the order of its 41 slides: equations, the
# function of `debruit` that computes each of them, its figure, and numbers that you can verify. Every `assert` is a
# statement of the lecture. [The map](../lecture.md) describes each slide; `debruit explain` makes the same panels as an
# interactive page.
#
# The model is a DDPM as in the lecture: a chain of 1000 steps, linear $\beta_t$, a U-Net that estimates the noise, the
# simple loss. Give any other model in the first cell.
# %% [markdown] fr
# # Le cours en notebook : du DDPM à la diffusion latente
#
# Ce notebook parcourt un cours universitaire sur les modèles de diffusion dans l'ordre de ses 41 diapositives : les
# équations, la fonction de `debruit` qui calcule chacune d'elles, sa figure, et des nombres que vous pouvez vérifier.
# Chaque `assert` est une affirmation du cours. [La carte](../lecture.fr.md) décrit chaque diapositive ; la commande
# `debruit explain` fait des mêmes figures une page interactive.
#
# Le modèle est un DDPM comme celui du cours : une chaîne de 1000 étapes, un calendrier linéaire, un U-Net qui estime le
# bruit, la fonction de perte simple. Donnez tout autre modèle dans la première cellule.
# %%
model = "ddpm-fashion"
# %%
import math

import numpy as np
import torch
from matplotlib_inline.backend_inline import set_matplotlib_formats

import debruit
from debruit.lecture import figures
from debruit.lecture.study import Detail, begin

set_matplotlib_formats("png", dpi=80, bbox_inches=None)
# %% [markdown] en
# ## Why diffusion models (slides 1 to 5)
#
# Today's best image generators are diffusion models, and they make images to order, from a text for instance. Lumiere
# extends them to video; the mathematics stays the same. Services such as Midjourney cannot be examined. A small open
# model can: `openmoji-64` comes with debruit, and is used again from slide 33 on.
# %% [markdown] fr
# ## Intérêt des modèles de diffusion (diapositives 1 à 5)
#
# Les meilleurs générateurs d'images actuels sont des modèles de diffusion, et ils génèrent sous condition, par exemple
# à partir d'un texte. Lumiere les étend à la vidéo ; les mathématiques restent les mêmes. Des services comme Midjourney
# ne peuvent être examinés. Un petit modèle ouvert le peut : `openmoji-64` est livré avec debruit, et il resservira à
# partir de la diapositive 33.
# %%
from debruit.lecture.figures.base import grid

emoji = debruit.load("openmoji-64")
texts = ["red heart", "smiling face", "green apple", "pomme rouge"]
images = torch.cat([emoji.generate(1, prompt=text, seed=2, guidance=3.0) for text in texts])
grid([("", emoji.config.data.to_model(images), 1.0)], texts)
# %% [markdown] en
# The rest of the lecture is about one image $x_0$ and one model: a `study`. The image is held out of the training data,
# if these are on your machine, and otherwise a sample of the model.
# %% [markdown] fr
# La suite du cours porte sur une image $x_0$ et un modèle : une étude, `study`. L'image vient des données mises de côté
# à l'entraînement, si elles sont sur votre machine ; sinon, c'est un échantillon du modèle.
# %%
detail = Detail(strata=20, draws=4, iterations=6, images=3, budgets=(4, 8, 16), reference_steps=32, attention_times=6)
study = begin(debruit.load(model), seed=0, detail=detail)
chain, T = study.chain.chain, study.chain.chain.steps
print(f"T = {T}, x_0: {tuple(study.x0.shape[1:])}")
# %% [markdown] en
# ## The family of diffusion models (slides 6 to 8)
#
# Score-based models, flow models and DDPMs learn one thing in three units. From the expected noise $\hat{\epsilon}$ in
# $x_t$ and the clean estimate $\hat{x}_0$ follow the score and the velocity:
#
# $$\nabla_x \log q_t(x_t) = -\frac{\hat{\epsilon}}{\sigma_t}, \qquad v = \frac{d x}{d t} = \hat{\epsilon} - \hat{x}_0
# \quad \text{for } x_t = (1 - t) \, x_0 + t \, \epsilon$$
#
# A DDPM is a generative model like a VAE, and more precisely a VAE with $T$ latents and a fixed encoder. Here data are
# points of the plane whose score is known exactly, so that no network is needed.
# %% [markdown] fr
# ## La famille des modèles de diffusion (diapositives 6 à 8)
#
# Modèles basés sur des scores, modèles de type flux normalisant et DDPM apprennent une même chose, dans trois unités.
# Du bruit attendu $\hat{\epsilon}$ dans $x_t$ et de la donnée estimée $\hat{x}_0$ se déduisent le score et la vitesse :
#
# $$\nabla_x \log q_t(x_t) = -\frac{\hat{\epsilon}}{\sigma_t}, \qquad v = \frac{d x}{d t} = \hat{\epsilon} - \hat{x}_0
# \quad \text{pour } x_t = (1 - t) \, x_0 + t \, \epsilon$$
#
# Un DDPM est un modèle génératif, comme un VAE, et plus précisément un VAE à $T$ variables latentes dont l'encodeur est
# fixé. Ici les données sont des points du plan dont le score est connu exactement : aucun réseau n'est nécessaire.
# %%
from debruit.lecture.family import family, velocity
from debruit.sampling.sampler import Level

plane = family(0)
at = Level(0.6, 0.4)  # alpha = 1 - t, sigma = t, t = 0.4
x = at.alpha * plane.data[:3] + at.sigma * plane.processes["flow"].points[0, :3]
estimate = plane.mixture.estimate(x, at)
torch.testing.assert_close(plane.mixture.score(x, at), -estimate.eps / at.sigma)
torch.testing.assert_close(velocity(plane.mixture, "flow", x, at), estimate.eps - estimate.x0)
for name, (log_q, distance) in plane.scores.items():
    print(f"{name:9} E[log q(x)] = {log_q:6.3f}   d = {distance:.4f}")
figures.family_trajectories(plane)
# %% [markdown] en
# Above, `log q` is the mean log density of the samples under the true distribution, and `d` their energy distance from
# data: 0 for equal distributions. The VAE here is the best with a linear encoder and decoder and one latent value.
#
# ## The chain as probability (slides 9 to 12)
#
# A chain adds noise slowly, and the model learns to invert it. Four theorems carry the lecture: Bayes' theorem, the
# marginal, conditional probabilities, and Bayes' theorem given $x_0$ with the Markov property.
#
# $$q(x_{t-1} \mid x_t) = \frac{q(x_t \mid x_{t-1}) \, q(x_{t-1})}{q(x_t)}, \qquad
# q(x_t) = \int q(x_t \mid x_{t-1}) \, q(x_{t-1}) \, d x_{t-1}$$
#
# $$q(x_{t-1}, x_t) = q(x_t \mid x_{t-1}) \, q(x_{t-1}), \qquad q(x_t \mid x_{t-1}) = q(x_t \mid x_{t-1}, x_0) =
# \frac{q(x_{t-1} \mid x_t, x_0) \, q(x_t \mid x_0)}{q(x_{t-1} \mid x_0)}$$
#
# For a single number $x_0$ with two grey levels both sides can be computed, here for a long jump $s < t$.
# %% [markdown] fr
# Ci-dessus, `log q` est la moyenne de la log-densité des échantillons sous la vraie distribution, et `d` leur distance
# énergétique aux données, nulle si les distributions sont égales. Le VAE est ici le meilleur de ceux dont l'encodeur et
# le décodeur sont linéaires, avec une seule variable latente.
#
# ## La chaîne vue comme une loi de probabilité (diapositives 9 à 12)
#
# Une chaîne ajoute lentement du bruit, et le modèle apprend à l'inverser. Quatre théorèmes portent le cours : le
# théorème de Bayes, le théorème marginal, le théorème des probabilités conditionnelles, et le théorème de Bayes sachant
# $x_0$ avec la propriété de Markov.
#
# $$q(x_{t-1} \mid x_t) = \frac{q(x_t \mid x_{t-1}) \, q(x_{t-1})}{q(x_t)}, \qquad
# q(x_t) = \int q(x_t \mid x_{t-1}) \, q(x_{t-1}) \, d x_{t-1}$$
#
# $$q(x_{t-1}, x_t) = q(x_t \mid x_{t-1}) \, q(x_{t-1}), \qquad q(x_t \mid x_{t-1}) = q(x_t \mid x_{t-1}, x_0) =
# \frac{q(x_{t-1} \mid x_t, x_0) \, q(x_t \mid x_0)}{q(x_{t-1} \mid x_0)}$$
#
# Pour un seul nombre $x_0$ à deux niveaux de gris, les deux membres se calculent, ici pour un long saut $s < t$.
# %%
from debruit.lecture.probability import TWO_LEVELS, probability, theorems

s, t = T // 10, T // 4
before, after = float(chain.abar[s]), float(chain.abar[t])
both = theorems(TWO_LEVELS, before, after, x_s=0.4, x_t=0.2, x_0=0.5)
for name, (left, right) in {
    "q(x_s|x_t)": both.bayes,
    "q(x_t)": both.marginal,
    "q(x_s,x_t)": both.conditional,
    "q(x_t|x_s,x_0)": both.markov,
}.items():
    print(f"{name:15} {left:.8f} = {right:.8f}")
    assert math.isclose(left, right, rel_tol=1e-5)
figures.joint_density(TWO_LEVELS, before=before, after=after, x_t=0.2)
# %% [markdown] en
# Right: $q(x_s \mid x_t)$ needs the distribution of all data, $q(x_s \mid x_t, x_0)$ is one Gaussian and needs none.
#
# The joint distribution of the model is $p_\theta(x_{0:T}) = p(x_T) \prod_t p_\theta(x_{t-1} \mid x_t)$: a product of
# Gaussians, whose logarithm can be computed for any trajectory. Left, the data have two grey levels; right, they are
# the values of the image.
# %% [markdown] fr
# À droite : $q(x_s \mid x_t)$ exige la distribution de toutes les données ; $q(x_s \mid x_t, x_0)$ est une seule
# gaussienne et n'en exige aucune.
#
# La distribution conjointe du modèle est $p_\theta(x_{0:T}) = p(x_T) \prod_t p_\theta(x_{t-1} \mid x_t)$ : un produit
# de gaussiennes, dont le logarithme se calcule pour toute trajectoire. À gauche, les données ont deux niveaux de gris ;
# à droite, ce sont les valeurs de l'image.
# %%
figures.reverse_paths(probability(study))
# %% [markdown] en
# ## The forward diffusion process (slides 13 and 14)
#
# $$q(x_t \mid x_{t-1}) = \mathcal{N}(\sqrt{1 - \beta_t} \, x_{t-1}, \beta_t \mathbf{I}), \qquad
# q(x_{1:T} \mid x_0) = \prod_{t=1}^{T} q(x_t \mid x_{t-1})$$
#
# A Markov chain: each step needs the one before it alone. The factor $\sqrt{1 - \beta_t}$ keeps the variance: data of
# variance 1 have variance $(1 - \beta_t) + \beta_t = 1$ after each step.
# %% [markdown] fr
# ## Le processus de diffusion vers l'avant (diapositives 13 et 14)
#
# $$q(x_t \mid x_{t-1}) = \mathcal{N}(\sqrt{1 - \beta_t} \, x_{t-1}, \beta_t \mathbf{I}), \qquad
# q(x_{1:T} \mid x_0) = \prod_{t=1}^{T} q(x_t \mid x_{t-1})$$
#
# Une chaîne de Markov : chaque étape ne dépend que de la précédente. Le facteur $\sqrt{1 - \beta_t}$ conserve la
# variance : des données de variance 1 ont la variance $(1 - \beta_t) + \beta_t = 1$ après chaque étape.
# %%
from debruit.lecture.walk import walk

steps = walk(chain, study.steps, walkers=4000)
x_0, k = 0.8, len(study.steps) // 4
stepwise = steps.started_at(x_0)[k]
print(f"t = {steps.steps[k]}")
print(f"E[x_t]   {float(stepwise.mean()):.4f}   sqrt(abar_t) x_0 = {float(steps.mean[k]) * x_0:.4f}")
print(f"Var[x_t] {float(stepwise.var()):.4f}   1 - abar_t       = {float(steps.variance[k]):.4f}")
figures.walk_histograms(steps, x0=x_0)
# %% [markdown] en
# Histograms: 4000 trajectories of one pixel, one step after the other. Curves: the closed form of slide 16.
#
# ## The noise schedule (slide 15)
#
# Linear $\beta_t$, or the cosine schedule with $s = 0.008$:
#
# $$\beta_t = \min \Big( 1 - \frac{\bar{\alpha}_t}{\bar{\alpha}_{t-1}}, 0.999 \Big), \quad
# \bar{\alpha}_t = \frac{f(t)}{f(0)}, \quad f(t) = \cos \Big( \frac{t/T + s}{1 + s} \cdot \frac{\pi}{2} \Big)^2$$
#
# For $\beta_t = 0$ nothing happens, for $\beta_t = 1$ only noise is left.
# %% [markdown] fr
# Histogrammes : 4000 trajectoires d'un pixel, étape par étape. Courbes : la formule explicite de la diapositive 16.
#
# ## Le calendrier de bruit (diapositive 15)
#
# Un $\beta_t$ linéaire, ou le calendrier cosinus avec $s = 0{,}008$ :
#
# $$\beta_t = \min \Big( 1 - \frac{\bar{\alpha}_t}{\bar{\alpha}_{t-1}}, 0{,}999 \Big), \quad
# \bar{\alpha}_t = \frac{f(t)}{f(0)}, \quad f(t) = \cos \Big( \frac{t/T + s}{1 + s} \cdot \frac{\pi}{2} \Big)^2$$
#
# Si $\beta_t = 0$, rien ne change ; si $\beta_t = 1$, il ne reste que du bruit.
# %%
from debruit.diffusion.chain import Chain, Cosine
from debruit.lecture.schedules import schedules

print(f"beta_1 = {float(chain.beta[1]):.6f}, beta_T = {float(chain.beta[T]):.6f}, abar_T = {float(chain.abar[T]):.2e}")
np.testing.assert_allclose(chain.abar[1:], np.cumprod(1 - chain.beta[1:].numpy()))
f = np.cos((np.arange(1001) / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
cosine = np.minimum(1 - f[1:] / f[:-1], 0.999)
np.testing.assert_allclose(Chain(schedule=Cosine(), steps=1000).beta[1:], cosine, rtol=1e-6)
figures.schedule_curves(schedules(study))
# %% [markdown] en
# ## Any step at once (slides 16 and 17)
#
# By the reparametrisation trick $x_t = \sqrt{1 - \beta_t} \, x_{t-1} + \sqrt{\beta_t} \, \epsilon_{t-1}$, and Gaussian
# noises add up to a Gaussian noise. With $\alpha_t = 1 - \beta_t$ and $\bar{\alpha}_t = \prod_{k=1}^t \alpha_k$:
#
# $$x_t = \sqrt{\bar{\alpha}_t} \, x_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon_t, \qquad
# q(x_t \mid x_0) = \mathcal{N}(\sqrt{\bar{\alpha}_t} \, x_0, (1 - \bar{\alpha}_t) \mathbf{I})$$
#
# The variance of the steps obeys $V_t = (1 - \beta_t) V_{t-1} + \beta_t$ with $V_0 = 0$, which is $1 - \bar{\alpha}_t$.
# %% [markdown] fr
# ## Toute étape d'un seul coup (diapositives 16 et 17)
#
# Par l'astuce de reparamétrisation, $x_t = \sqrt{1 - \beta_t} \, x_{t-1} + \sqrt{\beta_t} \, \epsilon_{t-1}$, et des
# bruits gaussiens s'ajoutent en un bruit gaussien. Avec $\alpha_t = 1 - \beta_t$ et
# $\bar{\alpha}_t = \prod_{k=1}^t \alpha_k$ :
#
# $$x_t = \sqrt{\bar{\alpha}_t} \, x_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon_t, \qquad
# q(x_t \mid x_0) = \mathcal{N}(\sqrt{\bar{\alpha}_t} \, x_0, (1 - \bar{\alpha}_t) \mathbf{I})$$
#
# La variance obéit à $V_t = (1 - \beta_t) V_{t-1} + \beta_t$ avec $V_0 = 0$, ce qui donne $1 - \bar{\alpha}_t$.
# %%
from debruit.lecture.forward import forward

variance = 0.0
for beta in chain.beta[1:].tolist():
    variance = (1 - beta) * variance + beta
print(f"V_T = {variance:.10f}, 1 - abar_T = {1 - float(chain.abar[T]):.10f}")
assert math.isclose(variance, 1 - float(chain.abar[T]), rel_tol=1e-9)

seen = study.once(forward)
k = len(seen.steps) // 3
abar = float(chain.abar[seen.steps[k]])
torch.testing.assert_close(seen.x_t[k], abar**0.5 * seen.x0 + (1 - abar) ** 0.5 * seen.eps, atol=1e-5, rtol=0)
figures.forward_chain(seen)
# %% [markdown] en
# The rows below the noise $\epsilon$ anticipate: the noise $\epsilon_\theta$ that the network estimates, the image
# $\hat{x}_0$ that follows from it, and the mean $\tilde{\mu}_t$ of the step back.
#
# ## The reverse process (slides 18 to 20)
#
# $q(x_{t-1} \mid x_t)$ would generate images from noise, but $q(x_t)$ is an integral over all images. A Gaussian model
# approximates it:
#
# $$p_\theta(x_{t-1} \mid x_t) = \mathcal{N}(\mu_\theta(x_t, t), \Sigma_\theta(x_t, t)), \qquad
# p_\theta(x_{0:T}) = p(x_T) \prod_{t=1}^{T} p_\theta(x_{t-1} \mid x_t)$$
#
# The Gaussian hypothesis is good for small steps. For two grey levels, where $q(x_s \mid x_t)$ is known, the divergence
# from the closest Gaussian falls with the length of the jump $t - s$:
# %% [markdown] fr
# Les lignes sous le bruit $\epsilon$ anticipent : le bruit estimé $\epsilon_\theta$, l'image estimée $\hat{x}_0$ qui
# s'en déduit, et la moyenne $\tilde{\mu}_t$ de l'étape inverse.
#
# ## Le processus inverse (diapositives 18 à 20)
#
# $q(x_{t-1} \mid x_t)$ permettrait de générer des images à partir de bruit, mais $q(x_t)$ est une intégrale sur toutes
# les images. Un modèle gaussien l'approxime :
#
# $$p_\theta(x_{t-1} \mid x_t) = \mathcal{N}(\mu_\theta(x_t, t), \Sigma_\theta(x_t, t)), \qquad
# p_\theta(x_{0:T}) = p(x_T) \prod_{t=1}^{T} p_\theta(x_{t-1} \mid x_t)$$
#
# L'hypothèse gaussienne est bonne pour de petites étapes. Pour deux niveaux de gris, où $q(x_s \mid x_t)$ est connue,
# la divergence avec la gaussienne la plus proche diminue avec la longueur du saut $t - s$ :
# %%
from debruit.lecture.mixture import reverse as exact_reverse

t = T // 4
for jump in sorted({t // 2, t // 5, t // 20, 1} - {0}, reverse=True):
    back = exact_reverse(TWO_LEVELS, float(chain.abar[t - jump]), float(chain.abar[t]), 0.0)
    print(f"t = {t}, t - s = {jump:3d}:  KL = {back.divergence:.2e}")
difference = (seen.posterior[1] - seen.mean[1])[0].abs()
row, column = divmod(int(difference.argmax()), difference.shape[-1])
figures.step_back(seen, row=row, column=column, frames=[1, 3, 9, len(seen.steps) - 1])
# %% [markdown] en
# Both Gaussians of one pixel, with the image known and as the network estimates it. It is the pixel where they differ
# most at the first $t$ shown; for most pixels they can hardly be told apart.
#
# ## From cross-entropy to the variational bound (slides 21 to 23)
#
# Training should bring $p_\theta(x_0)$ close to $q(x_0)$: minimise the cross-entropy. By the marginal it is the
# logarithm of a mean over the forward process,
#
# $$H(q, p_\theta) = -\mathbb{E}_{x_0 \sim q} [\log p_\theta(x_0)] = -\mathbb{E}_{x_0 \sim q} \Big[ \log
# \mathbb{E}_{x_{1:T} \sim q(x_{1:T} \mid x_0)} \Big[ \frac{p_\theta(x_{0:T})}{q(x_{1:T} \mid x_0)} \Big] \Big]$$
#
# and by Jensen's inequality, $\phi(\mathbb{E}[X]) \leq \mathbb{E}[\phi(X)]$ for the convex $\phi = -\log$,
#
# $$H(q, p_\theta) \leq \mathcal{L}_{VUB} = \mathbb{E}_{x_{0:T} \sim q} \Big[ \log
# \frac{q(x_{1:T} \mid x_0)}{p_\theta(x_{0:T})} \Big]$$
# %% [markdown] fr
# Les deux gaussiennes d'un pixel, quand l'image est connue et quand le réseau l'estime. C'est le pixel où elles
# diffèrent le plus au premier $t$ montré ; pour la plupart des pixels, on les distingue à peine.
#
# ## De l'entropie croisée à la limite supérieure variationnelle (diapositives 21 à 23)
#
# L'entraînement doit rapprocher $p_\theta(x_0)$ de $q(x_0)$ : on minimise l'entropie croisée. Par le théorème marginal,
# c'est le logarithme d'une moyenne sur le processus vers l'avant,
#
# $$H(q, p_\theta) = -\mathbb{E}_{x_0 \sim q} [\log p_\theta(x_0)] = -\mathbb{E}_{x_0 \sim q} \Big[ \log
# \mathbb{E}_{x_{1:T} \sim q(x_{1:T} \mid x_0)} \Big[ \frac{p_\theta(x_{0:T})}{q(x_{1:T} \mid x_0)} \Big] \Big]$$
#
# et par l'inégalité de Jensen, $\phi(\mathbb{E}[X]) \leq \mathbb{E}[\phi(X)]$ pour la fonction convexe $\phi = -\log$,
#
# $$H(q, p_\theta) \leq \mathcal{L}_{VUB} = \mathbb{E}_{x_{0:T} \sim q} \Big[ \log
# \frac{q(x_{1:T} \mid x_0)}{p_\theta(x_{0:T})} \Big]$$
# %%
from debruit.lecture.objective import TwoSteps, jensen, noise

two = jensen(0.35, 2.8, 0.5)
print(f"phi(E[X]) = {two.curve:.4f} <= E[phi(X)] = {two.chord:.4f}")
assert math.isclose(two.gap, (math.log((0.35 + 2.8) / 2)) - (math.log(0.35) + math.log(2.8)) / 2)
figures.jensen_gap()
# %% [markdown] en
# On a chain of two steps with Gaussian data every line of the derivation has an exact value. The weight
# $W = p_\theta(x_{0:2}) / q(x_{1:2} \mid x_0)$ of random trajectories: its mean is $p_\theta(x_0)$, and the mean of its
# logarithm lies below.
# %% [markdown] fr
# Sur une chaîne de deux étapes et des données gaussiennes, chaque ligne de la démonstration a une valeur exacte. Le
# poids $W = p_\theta(x_{0:2}) / q(x_{1:2} \mid x_0)$ de trajectoires aléatoires : sa moyenne est $p_\theta(x_0)$, et la
# moyenne de son logarithme est plus petite.
# %%
toy = TwoSteps()
figures.weight_histogram(toy, noise(0))
# %%
d = toy.derivation
print(f"H(q, p)  = {d.entropy:.4f} + {d.divergence:.4f} = {d.cross_entropy:.4f}  (H + KL)")
print(f"         = {d.marginal:.4f}  (-E[log E[W]])")
print(f"L_VUB    = {d.jensen:.4f}  (-E[log W])")
print(f"L_VUB    = {d.prior:.4f} + {d.step:.4f} + {d.decoder:.4f} = {d.bound:.4f}  (L_T + L_1 + L_0)")
print(f"L_VUB - H = {d.bound - d.cross_entropy:.4f} = {d.gap:.4f}  (KL(q(x_1:2|x_0) || p(x_1:2|x_0)))")
assert math.isclose(d.cross_entropy, d.entropy + d.divergence)
assert math.isclose(d.cross_entropy, d.marginal, rel_tol=1e-6)
assert math.isclose(d.bound, d.jensen)
assert math.isclose(d.bound, d.cross_entropy + d.gap)
figures.bound_waterfall(toy)
# %% [markdown] en
# ## The bound in three parts, and the mean by the noise (slides 24 and 25)
#
# $$\mathcal{L}_{VUB} = \mathbb{E}_q \Big[ \underbrace{D_{KL}(q(x_T \mid x_0) \parallel p(x_T))}_{\mathcal{L}_T} +
# \sum_{t=2}^{T} \underbrace{D_{KL}(q(x_{t-1} \mid x_t, x_0) \parallel p_\theta(x_{t-1} \mid x_t))}_{\mathcal{L}_{t-1}}
# \underbrace{- \log p_\theta(x_0 \mid x_1)}_{\mathcal{L}_0} \Big]$$
#
# $\mathcal{L}_T$ has no parameters, $\mathcal{L}_0$ is a decoder of its own. The posterior is Gaussian, and its mean
# has two forms, by $x_0$ and by the noise:
#
# $$\tilde{\mu}_t = \frac{\sqrt{\bar{\alpha}_{t-1}} \, \beta_t}{1 - \bar{\alpha}_t} x_0 +
# \frac{\sqrt{\alpha_t} (1 - \bar{\alpha}_{t-1})}{1 - \bar{\alpha}_t} x_t =
# \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} \epsilon_t \Big), \qquad
# \tilde{\beta}_t = \frac{1 - \bar{\alpha}_{t-1}}{1 - \bar{\alpha}_t} \beta_t$$
# %% [markdown] fr
# ## La limite en trois parties, et la moyenne par le bruit (diapositives 24 et 25)
#
# $$\mathcal{L}_{VUB} = \mathbb{E}_q \Big[ \underbrace{D_{KL}(q(x_T \mid x_0) \parallel p(x_T))}_{\mathcal{L}_T} +
# \sum_{t=2}^{T} \underbrace{D_{KL}(q(x_{t-1} \mid x_t, x_0) \parallel p_\theta(x_{t-1} \mid x_t))}_{\mathcal{L}_{t-1}}
# \underbrace{- \log p_\theta(x_0 \mid x_1)}_{\mathcal{L}_0} \Big]$$
#
# $\mathcal{L}_T$ n'a pas de paramètres, $\mathcal{L}_0$ est un décodeur à part. La distribution a posteriori est
# gaussienne, et sa moyenne s'écrit de deux façons, avec $x_0$ et avec le bruit :
#
# $$\tilde{\mu}_t = \frac{\sqrt{\bar{\alpha}_{t-1}} \, \beta_t}{1 - \bar{\alpha}_t} x_0 +
# \frac{\sqrt{\alpha_t} (1 - \bar{\alpha}_{t-1})}{1 - \bar{\alpha}_t} x_t =
# \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} \epsilon_t \Big), \qquad
# \tilde{\beta}_t = \frac{1 - \bar{\alpha}_{t-1}}{1 - \bar{\alpha}_t} \beta_t$$
# %%
t = seen.steps[k]
x_0, eps = seen.x0.double()[None], seen.eps.double()[None]
x_t = chain.q(x_0, t).sample(eps)
by_image, by_noise = chain.posterior(x_0, x_t, t), chain.posterior_from_eps(eps, x_t, t)
beta, abar, previous = (float(v) for v in (chain.beta[t], chain.abar[t], chain.abar[t - 1]))
tilde = (1 - previous) / (1 - abar) * beta
print(f"t = {t}: max |mu~(x_0) - mu~(eps)| < 1e-12: {bool((by_image.mean - by_noise.mean).abs().max() < 1e-12)}")
print(f"beta~_t = {tilde:.6f} < beta_t = {beta:.6f}")
torch.testing.assert_close(by_image.mean, by_noise.mean)
assert math.isclose(tilde, float(by_image.variance))
# %% [markdown] en
# ## Two Gaussians, and the simple loss (slides 26 and 27)
#
# With equal variances $\sigma_t^2 = \tilde{\beta}_t$ only the means remain, and these differ by the noise alone:
#
# $$D_{KL} = \frac{\| \tilde{\mu}_t - \mu_\theta \|^2}{2 \sigma_t^2} =
# \frac{(1 - \alpha_t)^2}{2 \sigma_t^2 \alpha_t (1 - \bar{\alpha}_t)} \| \epsilon_t - \epsilon_\theta(x_t, t) \|^2$$
#
# (The lecture squares the variance in the denominator; it is there once.) Dropping the weight gives the simple loss,
# $\mathcal{L}^{simple} = \mathbb{E}_{x_0, \epsilon, t} \| \epsilon_t - \epsilon_\theta(x_t, t) \|^2$.
# %% [markdown] fr
# ## Deux gaussiennes, et la fonction de perte simple (diapositives 26 et 27)
#
# À variances égales, $\sigma_t^2 = \tilde{\beta}_t$, il ne reste que les moyennes, et elles ne diffèrent que par le
# bruit :
#
# $$D_{KL} = \frac{\| \tilde{\mu}_t - \mu_\theta \|^2}{2 \sigma_t^2} =
# \frac{(1 - \alpha_t)^2}{2 \sigma_t^2 \alpha_t (1 - \bar{\alpha}_t)} \| \epsilon_t - \epsilon_\theta(x_t, t) \|^2$$
#
# (Le cours met la variance au carré au dénominateur ; elle n'y est qu'une fois.) Sans le poids, c'est la fonction de
# perte simple, $\mathcal{L}^{simple} = \mathbb{E}_{x_0, \epsilon, t} \| \epsilon_t - \epsilon_\theta(x_t, t) \|^2$.
# %%
from debruit.lecture.terms import terms

eps_hat = seen.eps_hat[k].double()[None]
model_step = chain.posterior_from_eps(eps_hat, x_t, t)  # mu_theta, with the variance beta~_t
divergence = float(by_noise.kl(model_step).sum())
weight = beta**2 / (2 * tilde * (1 - beta) * (1 - abar))
squared = float((eps - eps_hat).square().sum())
print(f"t = {t}: KL = {divergence:.4f} = {weight:.5f} * {squared:.3f}")
assert math.isclose(divergence, weight * squared, rel_tol=1e-9)
assert math.isclose(weight, float(chain.loss_weight(t)))

panel = study.once(terms)
parts = float((panel.counts * panel.nats).sum())
L_0 = panel.decoder[0] if panel.decoder else 0.0
print(f"L = {panel.prior:.2f} + {parts:.1f} + {L_0:.1f} = {panel.total:.1f} nats (L_T + sum L_(t-1) + L_0)")
print(f"  = {panel.bits(panel.total):.3f} bits/dim")
assert math.isclose(panel.total, panel.prior + parts + L_0)
figures.bound_terms(panel)
# %% [markdown] en
# The weight is largest near $t = 1$, where the network's error is largest as well: the simple loss gives up some
# likelihood of the finest details for the errors that are visible.
#
# ## Architecture, key points (slides 28 and 29)
#
# The only unknown is the noise. Whatever the network estimates, the rest follows:
#
# $$\mu_\theta(x_t, t) = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}}
# \epsilon_\theta(x_t, t) \Big), \qquad
# \hat{x}_0 = \frac{x_t - \sqrt{1 - \bar{\alpha}_t} \, \epsilon_\theta(x_t, t)}{\sqrt{\bar{\alpha}_t}}$$
#
# In training any $t$ can be taken, since $x_t$ is known in closed form; in sampling $\epsilon_\theta$ leads from $x_t$
# to a random $x_{t-1}$.
# %% [markdown] fr
# Le poids est le plus grand près de $t = 1$, où l'erreur du réseau l'est aussi : la fonction de perte simple renonce à
# un peu de vraisemblance des plus fins détails au profit des erreurs visibles.
#
# ## Architecture, points clés (diapositives 28 et 29)
#
# La seule inconnue est le bruit. Tout le reste se déduit de l'estimation du réseau :
#
# $$\mu_\theta(x_t, t) = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}}
# \epsilon_\theta(x_t, t) \Big), \qquad
# \hat{x}_0 = \frac{x_t - \sqrt{1 - \bar{\alpha}_t} \, \epsilon_\theta(x_t, t)}{\sqrt{\bar{\alpha}_t}}$$
#
# À l'entraînement, tout instant $t$ convient, puisque la formule explicite donne $x_t$ ; à l'inférence,
# $\epsilon_\theta$ mène de $x_t$ à un $x_{t-1}$ tiré au hasard.
# %%
x0_hat = (x_t - (1 - abar) ** 0.5 * eps_hat) / abar**0.5
torch.testing.assert_close(x0_hat[0].float(), seen.x0_hat[k], atol=1e-4, rtol=1e-3)
torch.testing.assert_close(model_step.mean[0].float(), seen.mean[k], atol=1e-4, rtol=1e-3)
print(f"t = {t}: E(eps - eps_theta)^2 = {float(seen.simple_loss[k]):.4f}")
# %% [markdown] en
# ## The network (slides 30 and 31)
#
# A U-Net with an encoding of the time, which the network needs because the amount of noise depends on $t$, and with
# attention layers:
#
# $$\gamma(\tau)_j = \cos(\omega_j \tau), \quad \gamma(\tau)_{h+j} = \sin(\omega_j \tau), \quad \omega_j = P^{-j/h},
# \qquad \mathrm{softmax}\Big(\frac{Q K^\top}{\sqrt{d}}\Big) V$$
# %% [markdown] fr
# ## Le réseau (diapositives 30 et 31)
#
# Un U-Net avec un encodage de l'instant, dont le réseau a besoin car la quantité de bruit dépend de $t$, et avec des
# couches d'attention :
#
# $$\gamma(\tau)_j = \cos(\omega_j \tau), \quad \gamma(\tau)_{h+j} = \sin(\omega_j \tau), \quad \omega_j = P^{-j/h},
# \qquad \mathrm{softmax}\Big(\frac{Q K^\top}{\sqrt{d}}\Big) V$$
# %%
from debruit.lecture.network import anatomy

figures.network_diagram(anatomy(study))
# %%
from debruit.lecture.time_encoding import time_encoding

times = time_encoding(study)
h = times.half
tau = float(times.tau[k])
by_hand = [*(math.cos(times.period ** (-j / h) * tau) for j in range(h))]
np.testing.assert_allclose(times.encodings[k, :h], by_hand, atol=1e-3)
print(f"|gamma|^2 = {float(times.encodings[k].double().square().sum()):.3f} = h = {h}")
figures.time_encodings(times)
# %%
from debruit.lecture.attention import attention_maps

maps = attention_maps(study)
layer = maps.maps[0]
print(f"{layer.layer.path}: {layer.layer.grid[0]} x {layer.layer.grid[1]}, sum of each row: 1")
torch.testing.assert_close(layer.weights.sum(-1), torch.ones(layer.weights.shape[:-1]), atol=1e-4, rtol=0)
figures.attention_map(maps, row=layer.layer.grid[0] // 2, column=layer.layer.grid[1] // 2)
# %% [markdown] en
# The orange square is the position that attends, white is where it looks.
#
# ## Algorithms 1 and 2 (slide 32)
#
# **Algorithm 1, training.** Repeat: $x_0 \sim q(x_0)$, $t \sim \mathrm{Uniform}(\{1, \dots, T\})$, $\epsilon \sim
# \mathcal{N}(0, \mathbf{I})$, and a gradient descent step on
#
# $$\nabla_\theta \| \epsilon - \epsilon_\theta(\sqrt{\bar{\alpha}_t} \, x_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon, t)
# \|^2$$
#
# Here each iteration starts from the trained model, on a copy, with a step that removes a tenth of the loss to first
# order.
# %% [markdown] fr
# Le carré orange est la position qui interroge ; en blanc, ce qu'elle regarde.
#
# ## Les algorithmes 1 et 2 (diapositive 32)
#
# **Algorithme 1, entraînement.** Répéter : $x_0 \sim q(x_0)$, $t \sim \mathrm{Uniform}(\{1, \dots, T\})$, $\epsilon
# \sim \mathcal{N}(0, \mathbf{I})$, et un pas de descente de gradient sur
#
# $$\nabla_\theta \| \epsilon - \epsilon_\theta(\sqrt{\bar{\alpha}_t} \, x_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon, t)
# \|^2$$
#
# Ici chaque itération part du modèle entraîné, sur une copie, avec un pas qui ôte au premier ordre un dixième de la
# perte.
# %%
from debruit.lecture.training import training

lesson = training(study)
for n, t in enumerate(lesson.steps):
    print(f"t = {t:4d}: loss {float(lesson.loss[n]):9.3f} -> {float(lesson.after[n]):9.3f}")
by_hand = (lesson.eps - lesson.eps_hat).double().square().flatten(1).sum(1)
torch.testing.assert_close(lesson.loss, by_hand, rtol=1e-4, atol=1e-4)
figures.algorithm_1(lesson)
# %%
figures.losses_by_t(lesson, seen)
# %% [markdown] en
# **Algorithm 2, sampling.** From $x_T \sim \mathcal{N}(0, \mathbf{I})$, for $t = T, \dots, 1$ with $z \sim
# \mathcal{N}(0, \mathbf{I})$ ($z = 0$ for $t = 1$):
#
# $$x_{t-1} = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}}
# \epsilon_\theta(x_t, t) \Big) + \sigma_t z$$
#
# It is run twice from the same noise: as printed, and with the model's own settings, which clip $\hat{x}_0$ to
# $[-1, 1]$ as the DDPM authors' code does.
# %% [markdown] fr
# **Algorithme 2, inférence.** À partir de $x_T \sim \mathcal{N}(0, \mathbf{I})$, pour $t = T, \dots, 1$ avec $z \sim
# \mathcal{N}(0, \mathbf{I})$ ($z = 0$ pour $t = 1$) :
#
# $$x_{t-1} = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}}
# \epsilon_\theta(x_t, t) \Big) + \sigma_t z$$
#
# Il est exécuté deux fois à partir du même bruit : tel qu'imprimé, puis avec les réglages du modèle, qui ramènent
# $\hat{x}_0$ à $[-1, 1]$ comme le code des auteurs de DDPM.
# %%
from debruit.lecture.reverse import reverse

samples = reverse(study)
run, n = samples.printed, len(samples.steps) // 2
t = samples.steps[n]
beta, abar = float(chain.beta[t]), float(chain.abar[t])
by_hand = (run.x_t[n] - beta / (1 - abar) ** 0.5 * run.eps_hat[n]) / (1 - beta) ** 0.5 + run.kick[n]
torch.testing.assert_close(run.x_next[n], by_hand)
assert float(run.kick[0].abs().max()) == 0  # z = 0 at t = 1
tilde = float(chain.posterior_beta[t])
print(f"t = {t}: sigma_t = {tilde**0.5:.4f}, RMS(sigma_t z) = {float(run.kick[n].square().mean()) ** 0.5:.4f}")
figures.algorithm_2(samples)
# %%
figures.both_runs(samples)
# %%
figures.clipped_share(samples)
# %% [markdown] en
# Beyond the lecture: other samplers take far fewer evaluations of the same network.
# %% [markdown] fr
# Au-delà du cours : d'autres échantillonneurs demandent bien moins d'évaluations du même réseau.
# %%
from debruit.lecture.samplers import samplers

figures.sampler_table(samplers(study), study.model.config.data)
# %% [markdown] en
# ## Latent diffusion: the autoencoder (slides 33 to 35)
#
# An encoder projects images to latents, the DDPM runs on these, and a decoder returns to the image. The autoencoder is
# trained first, with four losses, and frozen:
#
# $$\mathcal{L} = \mathcal{L}_{recons} + \beta_1 \mathcal{L}_{KLD} + \beta_2 \mathcal{L}_{perceptual} +
# \beta_3 \mathcal{L}_{adversarial}$$
#
# The DDPM is then trained by the simple loss on latents, $\mathcal{L}_{LDM} = \mathbb{E}_{z_0, \epsilon, t}
# \| \epsilon_t - \epsilon_\theta(z_t, t) \|^2$. These $\beta_k$ are weights, unrelated to $\beta_t$. Below is the
# autoencoder of `openmoji-64`, on the image of this study. The adversarial loss needs a discriminator, which a model
# file does not keep.
# %% [markdown] fr
# ## Diffusion latente : l'auto-encodeur (diapositives 33 à 35)
#
# Un encodeur projette les images dans un espace latent, le DDPM y opère, et un décodeur revient à l'image.
# L'auto-encodeur est entraîné d'abord, avec quatre fonctions de perte, puis figé :
#
# $$\mathcal{L} = \mathcal{L}_{recons} + \beta_1 \mathcal{L}_{KLD} + \beta_2 \mathcal{L}_{perceptual} +
# \beta_3 \mathcal{L}_{adversarial}$$
#
# Le DDPM est ensuite entraîné avec la fonction de perte simple, sur les latents :
# $\mathcal{L}_{LDM} = \mathbb{E}_{z_0, \epsilon, t} \| \epsilon_t - \epsilon_\theta(z_t, t) \|^2$.
# Ces $\beta_k$ sont des poids, sans rapport avec $\beta_t$. Voici
# l'auto-encodeur d'`openmoji-64`, sur l'image de cette étude. La perte adversaire exige un discriminateur, que le
# fichier d'un modèle ne garde pas.
# %%
from debruit.lecture.first_stage import first_stage

stage = first_stage(study)
error = float((stage.x - stage.decoded).abs().mean())
print(f"x: {tuple(stage.x.shape)} -> z: {tuple(stage.latent_shape)}, {stage.compression:.0f} : 1")
print(f"L_recons = mean |x - D(E(x))| = {stage.terms['reconstruction']:.4f}; [-1, 1]: {error:.4f}; {stage.psnr:.1f} dB")
figures.four_losses(stage)
# %% [markdown] en
# ## The model of 274 million parameters (slide 36)
#
# The lecture's table can be checked by counting: debruit's recipe has the same network.
# %% [markdown] fr
# ## Le modèle à 274 millions de paramètres (diapositive 36)
#
# Le tableau du cours se vérifie en comptant : la recette de debruit a le même réseau.
# %%
from debruit.recipes import recipes

faces = recipes()["ldm-faces-256"]().model
with torch.device("meta"):
    parameters = sum(p.numel() for p in faces.build().parameters())
network = faces.network
print(f"{parameters / 1e6:.2f} M")
print(f"z: {faces.latent_shape}, T = {faces.process.chain.steps}, {network.channels} * {network.multipliers}")
assert round(parameters / 1e6) == 274
# %% [markdown] en
# ## Samples without and with a condition (slides 37 to 40)
#
# Without a condition (CelebA-HQ), by the class (ImageNet), by a mask (Flickr landscapes) and by a text (LAION-400M). A
# condition enters the network by one of three doors: a vector added to the time embedding, a map concatenated to $x_t$,
# or tokens that are read by cross-attention.
# %% [markdown] fr
# ## Génération sans et avec conditionnement (diapositives 37 à 40)
#
# Sans conditionnement (CelebA-HQ), avec la classe (ImageNet), avec un masque (paysages Flickr) et avec un texte
# (LAION-400M). Une condition entre dans le réseau par l'une de trois portes : un vecteur ajouté à l'encodage de
# l'instant, une carte concaténée à $x_t$, ou des tokens lus par attention croisée.
# %%
import tempfile

from PIL import Image

from debruit.lecture.doors import LECTURE, doors

few = Detail(frames=6, weights=(0.0, 1.0, 3.0), guided_images=2, attention_times=4)
with tempfile.TemporaryDirectory() as folder:  # the first image of this notebook
    Image.fromarray(images[0].permute(1, 2, 0).numpy()).save(f"{folder}/heart.png")
    latent = begin(emoji, f"{folder}/heart.png", prompt=texts[0], seed=2, detail=few)
for name, sample in LECTURE.items():
    print(f"{sample.data:18} {name:6} {sample.door:8} {sample.encoded}")
for door in doors(latent):
    print(f"{'openmoji-64':18} {door.item:6} {door.door:8} {door.encoded}")
# %% [markdown] en
# The same chain as above, on latents: each channel of the estimate $\hat{z}_0$, and what it decodes to.
# %% [markdown] fr
# La même chaîne que plus haut, sur des latents : chaque canal de l'estimation $\hat{z}_0$, et l'image qu'elle donne
# une fois décodée.
# %%
from debruit.lecture.latents import latents

figures.latent_channels(latents(latent), emoji.config.data)
# %% [markdown] en
# Samples that are usually shown are guided by a weight $w$: $\hat{\epsilon} = \epsilon_\theta(x_t) + w \,
# (\epsilon_\theta(x_t, c) - \epsilon_\theta(x_t))$. With $w = 0$ the text "red heart" is ignored, $w = 1$ is the plain
# conditional model.
# %% [markdown] fr
# Les images que l'on montre sont en général guidées, avec un poids $w$ : $\hat{\epsilon} = \epsilon_\theta(x_t) + w \,
# (\epsilon_\theta(x_t, c) - \epsilon_\theta(x_t))$. Avec $w = 0$, le texte « red heart » (cœur rouge) est ignoré ; $w
# = 1$ est le modèle conditionnel sans guidage.
# %%
from debruit.lecture.guidance import guidance

figures.guidance_weights(guidance(latent), emoji.config.data)
# %% [markdown] en
# ## The end (slide 41)
#
# Next: `debruit explain MODEL` shows all this for any model, with controls; `debruit train` trains your own. The
# functions are described in [explain.md](../explain.md), the slides in [the map](../lecture.md).
# %% [markdown] fr
# ## Fin (diapositive 41)
#
# Pour continuer : `debruit explain MODÈLE` montre tout cela pour tout modèle, avec des commandes interactives ;
# `debruit train` entraîne le vôtre. Les fonctions sont décrites dans [explain.md](../explain.md) (en anglais), les
# diapositives dans [la carte](../lecture.fr.md).
