"""The evaluation of a model: samples, features, scores next to those of real images, likelihood, memorisation, loss.

    sampling_stage -> extraction -> alignment, reconstruction -> scoring -> analyses -> Evaluation

Progress is reported as events. Finished parts are saved in the result store: after an interruption the same call
resumes and ends with the same numbers.
"""

import time

import numpy as np

from debruit import events
from debruit.data.dataset import Dataset
from debruit.evaluation import extraction, sampling_stage
from debruit.evaluation.alignment import Alignment
from debruit.evaluation.analyses.analysis import AnalysisTask
from debruit.evaluation.conditions import SampleConditions, sample_conditions
from debruit.evaluation.estimate import Plan, describe, evaluation_timer
from debruit.evaluation.image_set import (
    HELD_OUT,
    HELDOUT_RECONSTRUCTION,
    REAL_BASELINE,
    RECONSTRUCTED_BASELINE,
    REFERENCE,
    SAMPLES,
    TRAIN_RECONSTRUCTION,
    TRAINING,
    ImageSet,
    empty,
)
from debruit.evaluation.judge_data import check_training_data, find_training_data
from debruit.evaluation.networks import Networks, find_networks
from debruit.evaluation.progress import StageTimer
from debruit.evaluation.reconstruction import Reconstruction
from debruit.evaluation.registry import Choice, choose
from debruit.evaluation.result import Evaluation, Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.sampling_stage import SampleRequest
from debruit.evaluation.scoring import score
from debruit.evaluation.splits import EvalSplit, reconstruction_indices, split_for_evaluation
from debruit.files.keys import make_key
from debruit.models.loaded import LoadedAutoencoder, LoadedModel

MOST_TRAINING = 20_000  # features of more training images, minutes of work, only if memorisation is requested by name


def evaluate(
    loaded: LoadedModel | LoadedAutoencoder,
    dataset: Dataset,
    request: Request,
    store: ResultStore,
    *,
    split: EvalSplit | None = None,
    training: Dataset | None = None,
) -> Evaluation:
    """Evaluate a model on data of its size.

    `split` is that of another model to compare with. `training` is what the model was trained on, if `dataset` is other
    data and the model does not say where its own is: classifier, segmenter and caption scorer are trained on it.
    InputError: data of another size, a metric requested by name that does not apply. Cancelled: the work of this
    context was cancelled.
    """
    began = time.monotonic()
    loaded.check_data(dataset.spec)
    split = split or find_split(loaded, dataset, request.count, training, request.reference)
    only = request.conditions
    conditions = sample_conditions(loaded.model, dataset, split, only) if isinstance(loaded, LoadedModel) else None
    choice = choose(request.metrics, loaded, dataset.spec, split, request.count, only)
    networks = find_networks(choice, request.network, dataset, split, device=loaded.device.type)
    run = _Run(loaded, dataset, split, request, choice, networks, store, conditions)
    sets, key, reconstructed = run.image_sets()
    key = [*key, dataset.spec.fingerprint, digest(split), *networks.fingerprints]
    columns = score(choice, sets, key, store, run.timer)
    task = AnalysisTask(
        loaded, dataset, split, request.likelihood_images, request.seed, store, sets, key, reconstructed
    )
    analyses = {a.name: run.timer.run(a.name, a.total(task), a.run(task)) for a in choice.analyses}
    heldout, train = columns[HELDOUT_RECONSTRUCTION], columns[TRAIN_RECONSTRUCTION]
    return Evaluation(
        loaded=loaded,
        data=dataset.spec,
        request=request,
        split=split,
        scores=columns[SAMPLES],
        real_baseline=columns[REAL_BASELINE],
        reconstructed_baseline=columns[RECONSTRUCTED_BASELINE],
        heldout_reconstruction=heldout or train,
        train_reconstruction=train if heldout else (),
        left_out=choice.left_out,
        analyses=analyses,
        sets=sets,
        networks=networks.about(),
        key=key,
        seconds=time.monotonic() - began,
        conditions=conditions,
    )


def find_split(
    loaded: LoadedModel | LoadedAutoencoder,
    dataset: Dataset,
    count: int,
    training: Dataset | None,
    reference: int | None = None,
) -> EvalSplit:
    """The split of the data. Classifier, segmenter and caption scorer are trained on `training`, or if that is None on
    what the model says it was trained on. InputError: `training` is not what the model was trained on."""
    given = None if training is None else check_training_data(loaded, training)
    find = lambda: given or find_training_data(loaded)  # noqa: E731
    return split_for_evaluation(loaded.model, dataset, count, most=reference, judge_data=find)


def digest(split: EvalSplit) -> str:
    """A digest of the indices of each part."""
    parts = (split.training, split.held_out, split.reference, split.baseline)
    return make_key([indices.tolist() for indices in parts])


class _Run:
    """The stages of one evaluation up to its image sets."""

    def __init__(
        self,
        loaded: LoadedModel | LoadedAutoencoder,
        dataset: Dataset,
        split: EvalSplit,
        request: Request,
        choice: Choice,
        networks: Networks,
        store: ResultStore,
        conditions: SampleConditions | None,
    ) -> None:
        self.loaded, self.dataset, self.split, self.request = loaded, dataset, split, request
        self.choice, self.networks, self.store = choice, networks, store
        self.all_training = choice.all_training and (
            len(split.training) <= MOST_TRAINING or "memorisation" in request.metrics
        )
        self.samples = None
        if conditions is not None:
            self.samples = SampleRequest(
                conditions=conditions, count=request.count, seed=request.seed, batch=request.batch
            )
        plan = Plan(loaded, dataset, split, request, choice, networks, store, self.samples, self.all_training)
        self.timer: StageTimer = evaluation_timer(plan)
        events.say(describe(self.timer))
        self.reconstruction = Reconstruction(loaded, dataset, networks, store, self.timer)

    def image_sets(self) -> tuple[dict[str, ImageSet], list, np.ndarray]:
        """The image sets by name, the key that determines them, and the indices of the reconstructed images."""
        if self.samples is not None and isinstance(self.loaded, LoadedModel):
            sets = self._sampled(self.loaded, self.samples)
            return sets, self.samples.key(self.loaded), self.split.baseline
        indices = reconstruction_indices(self.split, self.request.count)
        key = [self.loaded.digest, self.loaded.device.type, self.request.count]
        return self._reconstructed(*indices), key, next(each for each in indices if len(each))

    def _sampled(self, loaded: LoadedModel, request: SampleRequest) -> dict[str, ImageSet]:
        """The sets of a diffusion model: samples, real baseline, reference, and the reconstructed baseline."""
        work = sampling_stage.sample(loaded, self.store, request)
        images = self.timer.run("samples", request.count, work)
        sets = self._compared(images, request)
        if self.choice.reconstructs:
            baseline = sets[REAL_BASELINE]
            sets[HELDOUT_RECONSTRUCTION] = self.reconstruction.image_set(self.split.baseline, baseline, logits=True)
        alignment = Alignment(loaded, self.dataset, self.split, request, self.networks, self.store, self.timer)
        return alignment.add(sets, without_mask=self.choice.without_mask)

    def _compared(self, samples, request: SampleRequest) -> dict[str, ImageSet]:
        """Samples, real baseline and reference with features and logits, and if all training images are looked at,
        training and held-out images with their features. Of the reference only as many images as samples are kept in
        memory."""
        dataset, split, count, networks = self.dataset, self.split, request.count, self.networks
        real = {REAL_BASELINE: split.baseline, REFERENCE: split.reference}
        more = {TRAINING: split.training, HELD_OUT: split.held_out} if self.all_training else {}
        images = {SAMPLES: samples} | {n: dataset.batch(indices[:count])["image"] for n, indices in real.items()}
        features = self._features(samples, real | more)
        logits: dict[str, np.ndarray] = {}
        if networks.classifier is not None:
            classified = {name: images[name] for name in (SAMPLES, REAL_BASELINE)}
            work = extraction.classify(classified, dataset.spec, networks.classifier)
            logits = self.timer.run("classes", sum(map(len, classified.values())), work)
        labels = {SAMPLES: request.conditions.labels(self._model(), count)}
        labels |= {n: None if dataset.labels is None else dataset.labels[indices] for n, indices in real.items()}
        judged = {REAL_BASELINE: split.baseline}
        if request.conditions.has("label") or request.conditions.classes_by_caption:
            judged[SAMPLES] = request.conditions.counterparts(0, count)
        unseen = {n: np.isin(i, split.scored) & request.conditions.requests_class(i) for n, i in judged.items()}
        return {
            name: ImageSet(
                images=images.get(name, samples[:0]),
                spec=dataset.spec,
                labels=labels.get(name),
                features=features.get(name, empty()),
                network=_label(networks.features),
                logits=logits.get(name, empty()),
                classifier=_label(networks.classifier),
                classes=getattr(networks.classifier, "names", ()),
                unseen=unseen.get(name),
            )
            for name in (SAMPLES, *real, *more)
        }

    def _features(self, samples, real: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Features of the samples and of the real images by set; {} without a feature network."""
        network = self.networks.features
        if network is None:
            return {}
        work = extraction.extract(samples, self.dataset.spec, network, self.store)
        own = self.timer.run("features", len(samples), work)
        pool = np.unique(np.concatenate([*real.values()]))
        work = extraction.extract_real(self.dataset, pool, network)
        others = self.timer.run("features of real images", len(pool), work)
        return {SAMPLES: own} | {name: others[np.searchsorted(pool, indices)] for name, indices in real.items()}

    def _reconstructed(self, held_out: np.ndarray, training: np.ndarray) -> dict[str, ImageSet]:
        """The sets of an autoencoder: reconstructions of images that it never saw, and of as many training images, if
        there are any."""
        sets, dataset, network = {}, self.dataset, self.networks.features
        for name, words, indices in (
            (HELDOUT_RECONSTRUCTION, "held out", held_out),
            (TRAIN_RECONSTRUCTION, "trained on", training),
        ):
            if not len(indices):
                continue
            features = empty()
            if network is not None:
                work = extraction.extract_real(dataset, indices, network)
                features = self.timer.run(f"features of real images, {words}", len(indices), work)
            originals = ImageSet(
                images=dataset.images_of(indices),
                spec=dataset.spec,
                labels=None if dataset.labels is None else dataset.labels[indices],
                features=features,
                network=_label(network),
            )
            sets[name] = self.reconstruction.image_set(indices, originals)
        return sets

    def _model(self):
        assert isinstance(self.loaded, LoadedModel)
        return self.loaded.model


def _label(network) -> str:
    return "" if network is None else network.label
