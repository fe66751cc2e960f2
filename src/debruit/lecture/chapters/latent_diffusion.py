"""Latent diffusion: the autoencoder and its four losses, the table of the 274 M model, and the doors of conditions."""

from typing import Any

import torch

from debruit.lecture.chapter import Both, Chapter, Json
from debruit.lecture.doors import ITEMS, LECTURE, Entrance, doors
from debruit.lecture.first_stage import SHIPPED, WEIGHTS, FirstStageFigures, first_stage
from debruit.lecture.reference_table import TABLE, column
from debruit.lecture.sprites import sheet, shown
from debruit.lecture.study import Study

DIFFERENCE = 0.25  # the difference shown as white


def numbers(study: Study) -> Json:
    """Return the figures of the autoencoder, the three columns of the table, and the doors."""
    stage, config, provenance = study.once(first_stage), study.model.config, study.model.provenance
    entrances = study.once(doors)
    own = column(
        config,
        parameters=sum(p.numel() for p in study.model.backbone.network.parameters()),
        batch=int(provenance.get("batch", 0)),
        images=int(provenance.get("images_seen", 0)),
        rate=None,
    )
    rows = {key: [list(row.lecture), list(row.recipe), list(own[key])] for key, row in TABLE.items()}
    return {
        "stage": _stage(stage),
        "table": rows,
        "doors": [_door(entrance) for entrance in entrances],
        "samples": {name: _sample(name) for name in LECTURE},
        "shapes": {
            "x": list(config.data.shape),
            "z": list(config.latent_shape),
            "input": config.latent_shape[0] + sum(d.encoded[0] for d in entrances if d.door == "spatial"),
        },
        "network": type(config.network).__name__,
        "predicts": config.predicts,
        "steps": study.chain.chain.steps,
    }


def _stage(stage: FirstStageFigures) -> Json:
    images = [shown(x[None], 1.0) for x in (stage.x, stage.decoded)] if stage.x.ndim == 3 else []
    difference = [shown((stage.decoded - stage.x)[None], DIFFERENCE)] if images else []
    return {
        "own": stage.own,
        "name": SHIPPED,
        "bottleneck": stage.bottleneck,
        "factor": stage.factor,
        "parameters": stage.parameters,
        "image": list(stage.x.shape),
        "latent": list(stage.latent_shape),
        "compression": stage.compression,
        "psnr": stage.psnr if torch.isfinite(torch.tensor(stage.psnr)) else None,
        "terms": stage.terms,
        "nats": stage.nats,
        "network": stage.network,
        "weights": WEIGHTS,
        "sheet": sheet(images + difference) if images else None,
        "height": images[0].shape[1] if images else 0,
        "width": images[0].shape[2] if images else 0,
    }


def _door(entrance: Entrance) -> Json:
    return {**vars(entrance), "title": list(ITEMS.get(entrance.item, (entrance.name, entrance.name)))}


def _sample(name: str) -> Json:
    return vars(LECTURE[name]) | {"title": list(ITEMS[name])}


def _labels() -> dict[str, Both]:
    """The texts of the table, by row."""
    texts: dict[str, Any] = {}
    for key, row in TABLE.items():
        texts[f"lat_row_{key}"], texts[f"lat_why_{key}"] = row.name, row.why
    return texts


CHAPTER = Chapter(
    key="latent_diffusion",
    title=("Latent diffusion", "Modèles de diffusion latente"),
    text=(
        (
            "An image has many more values than its content needs. Latent diffusion projects it into a space of its "
            "own first: an encoder gives latents $z_0$, the whole diffusion runs on these, and a decoder returns to "
            "the image. The autoencoder is trained first, by four losses, and then frozen; the DDPM is trained on its "
            "latents by the same loss as on images. Reconstruction alone gives blurred images: the perceptual term "
            "compares image and reconstruction in the feature maps of a pretrained network, and the adversarial term "
            "is the answer of a network that is trained to tell the two apart. The KL term draws the latents towards "
            "a standard Gaussian; its weight is tiny.",
            "Une image a bien plus de valeurs que son contenu n'en demande. La diffusion latente la projette d'abord "
            "dans un espace dédié, l'espace latent : un encodeur donne des latents $z_0$, toute la diffusion porte "
            "sur eux, et un décodeur revient à l'image. L'auto-encodeur est entraîné d'abord, avec quatre fonctions "
            "de perte, puis figé ; le DDPM est entraîné sur ses latents avec la même fonction de perte que sur des "
            "images. La reconstruction seule donne des images floues : le terme perceptuel compare l'image et sa "
            "reconstruction dans les cartes d'un réseau pré-entraîné, et le terme adversaire est la réponse d'un "
            "réseau entraîné à les distinguer. Le terme KL rapproche les latents d'une gaussienne centrée réduite ; "
            "son poids est minuscule.",
        ),
        (
            "Below are the losses of one image; move the weights to see which term leads. These $\\beta_k$ are "
            "weights, unrelated to the $\\beta_t$ of the chain. In debruit every term is a mean over the values of "
            "the image, so that weights mean the same at any size; the released code takes sums, in the same "
            "proportions.",
            "Voici les valeurs de ces fonctions de perte pour une image ; déplacez les poids pour voir quel terme "
            "l'emporte. Ces $\\beta_k$ sont des poids, sans rapport avec les $\\beta_t$ de la chaîne. Dans debruit, "
            "chaque terme est une moyenne sur les valeurs de l'image, pour qu'un poids ait le même sens à toute "
            "taille ; le code publié prend des sommes, dans les mêmes proportions.",
        ),
        (
            "A condition enters the network by one of three doors: a vector is added to the time embedding, a map is "
            "concatenated to $x_t$, and a sequence of tokens is read by cross-attention. The lecture's models of "
            "classes and of text use the third, that of masks the second.",
            "Une condition entre dans le réseau par l'une des trois portes suivantes : un vecteur s'ajoute à "
            "l'encodage du temps, une carte est concaténée à $x_t$, et une suite de jetons est lue par attention "
            "croisée. Dans le cours, le conditionnement sur la classe et le conditionnement sur le texte passent par "
            "la troisième, le conditionnement sur des masques par la deuxième.",
        ),
    ),
    equations=(
        r"\mathcal{L} = \mathcal{L}_{recons} + \beta_1 \mathcal{L}_{KLD} + \beta_2 \mathcal{L}_{perceptual} "
        r"+ \beta_3 \mathcal{L}_{adversarial}",
        r"\mathcal{L}_{LDM} = \mathbb{E}_{z_0, \epsilon, t} [\| \epsilon - \epsilon_\theta(z_t, t) \|^2]",
    ),
    functions=(
        "autoencoders.losses.criterion.Criterion",
        "lecture.first_stage.first_stage",
        "lecture.reference_table.column",
        "lecture.doors.doors",
        "networks.cond.Cond",
    ),
    labels={
        "lat_x": ("the image", "l'image"),
        "lat_decoded": ("encoded and decoded", "encodée puis décodée"),
        "lat_difference": ("their difference, four times", "leur différence, quatre fois"),
        "lat_shipped": (
            "This model works on pixels and has no autoencoder. These are the figures of the one that comes with "
            "debruit in openmoji-64, on the same image, resized to 64 × 64 in colour. It was trained on emoji: "
            "expect it to be good at flat colours and poor at textures.",
            "Ce modèle travaille sur les pixels et n'a pas d'auto-encodeur. Voici les chiffres de celui qui est livré "
            "avec debruit dans openmoji-64, pour la même image, ramenée à 64 × 64 pixels en couleur. Entraîné sur des "
            "émojis, il rend bien les aplats et mal les textures.",
        ),
        "lat_no_image": (
            "The items of this model are not single images, and are not shown here.",
            "Les données de ce modèle ne sont pas des images isolées et ne sont pas montrées ici.",
        ),
        "lat_term": ("loss", "fonction de perte"),
        "lat_value": ("on this image", "sur cette image"),
        "lat_weight": ("weight", "poids"),
        "lat_product": ("product", "produit"),
        "lat_reconstruction": (
            "$\\mathcal{L}_{recons}$, mean of $|x - \\hat{x}|$",
            "$\\mathcal{L}_{recons}$, moyenne de $|x - \\hat{x}|$",
        ),
        "lat_kl": (
            "$\\mathcal{L}_{KLD}$, nats per value of the image",
            "$\\mathcal{L}_{KLD}$, nats par valeur de l'image",
        ),
        "lat_codebook": (
            "codebook loss, in place of $\\mathcal{L}_{KLD}$",
            "fonction de perte du dictionnaire, au lieu de $\\mathcal{L}_{KLD}$",
        ),
        "lat_perceptual": ("$\\mathcal{L}_{perceptual}$", "$\\mathcal{L}_{perceptual}$"),
        "lat_adversarial": ("$\\mathcal{L}_{adversarial}$", "$\\mathcal{L}_{adversarial}$"),
        "lat_missing": ("the discriminator is not stored", "le discriminateur n'est pas conservé"),
        "lat_no_network": ("not computed: no perceptual network here", "non calculé : pas de réseau perceptuel ici"),
        "lat_no_kl": ("a deterministic encoder has none", "un encodeur déterministe n'en a pas"),
        "lat_sum": ("sum of the terms that are known", "somme des termes connus"),
        "lat_weights": (
            "The file of a model keeps neither its discriminator nor the weights that these losses had when its "
            "autoencoder was trained. The weights start at those of the released KL models: $\\beta_1 = 10^{-6}$, "
            "$\\beta_2 = 1$; $\\beta_3$ is $0.5$ times a factor that compares gradients, and enters at training step "
            "50,001.",
            "Le fichier d'un modèle ne conserve ni le discriminateur ni les poids que ces fonctions de perte avaient "
            "pendant l'entraînement de l'auto-encodeur. Les poids ont ici pour valeurs initiales celles des modèles "
            "KL publiés : $\\beta_1 = 10^{-6}$, $\\beta_2 = 1$ ; $\\beta_3$ vaut $0{,}5$ fois un facteur qui compare "
            "des gradients, et n'intervient qu'à partir de l'itération 50 001.",
        ),
        "lat_compression": (
            "values of the image for each value of the latent",
            "valeurs de l'image par valeur du latent",
        ),
        "lat_parameters": ("parameters of the autoencoder", "paramètres de l'auto-encodeur"),
        "lat_bottleneck": ("bottleneck", "goulot d'étranglement"),
        "lat_nats": ("KL of the whole latent, nats", "KL de tout le latent, nats"),
        "lat_table": ("The model of the lecture's table", "Le modèle du tableau du cours"),
        "lat_parameter": ("parameter", "paramètre"),
        "lat_lecture": ("the lecture", "le cours"),
        "lat_recipe": ("debruit's recipe", "recette de debruit"),
        "lat_own": ("this model", "ce modèle"),
        "lat_why": ("the recipe against the lecture", "la recette comparée au cours"),
        "lat_doors": ("The doors of this model", "Les portes de ce modèle"),
        "lat_examples": ("The lecture's three examples", "Les trois exemples du cours"),
        "lat_none": (
            "This model is unconditional: no door is open.",
            "Ce modèle est inconditionnel : aucune porte n'est ouverte.",
        ),
        "lat_condition": ("condition", "condition"),
        "lat_door": ("door", "porte"),
        "lat_shape": ("value, and its encoding", "valeur, et son encodage"),
        "lat_drop": ("dropped in training", "omise à l'entraînement"),
        "lat_given": ("for this image", "pour cette image"),
        "lat_kept": ("given", "donnée"),
        "lat_dropped": ("dropped", "omise"),
        "lat_data": ("data", "données"),
        "lat_recipes": ("recipe of debruit", "recette de debruit"),
        "lat_size": (
            "parameters: U-Net, and encoder of the condition",
            "paramètres : U-Net, et encodeur de la condition",
        ),
        "lat_text_note": (
            "The lecture's 1.45 billion are those of the U-Net and of the text encoder together. Of BERT only the "
            "tokenizer is used: its 30,522 word pieces. The transformer that reads them is trained with the U-Net.",
            "Le total du cours, 1,45 milliard, réunit le U-Net et l'encodeur de texte. De BERT, seul le tokenizer "
            "sert, avec ses 30 522 fragments de mots. Le transformeur qui les lit est entraîné avec le U-Net.",
        ),
        "lat_door_vector": ("added to the time embedding", "ajoutée à l'encodage du temps"),
        "lat_door_tokens": ("cross-attention", "attention croisée"),
        "lat_door_spatial": ("concatenated to $x_t$", "concaténée à $x_t$"),
        "lat_pooled": (
            "its mean is added to the time embedding too",
            "sa moyenne s'ajoute aussi à l'encodage du temps",
        ),
        "lat_encoder": ("encoder", "encodeur"),
        "lat_decoder": ("decoder", "décodeur"),
        "lat_chain": ("adds noise", "ajoute du bruit"),
        "lat_channels_in": ("channels in:", "canaux en entrée :"),
        "lat_figure": ("The way of an image, and of a sample", "Le chemin d'une image, et celui d'un échantillon"),
        "lat_frozen": ("frozen", "figé"),
        "lat_steps": ("steps", "étapes"),
        **_labels(),
    },
    symbols={"lat_x": "x", "lat_decoded": r"\mathcal{D}(\mathcal{E}(x))", "lat_b1": r"\beta_1", "lat_b2": r"\beta_2"},
    numbers=numbers,
)
