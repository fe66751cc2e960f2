"""Condition alignment: whether images show the requested mask, caption or image.

Image sets get the requested conditions with the predictions of the segmenter and of the caption scorer, and upscaled
samples the images that they should match:

    samples         with the masks and captions of real images   alignment of the model
    real baseline   these real images                            the most that segmenter and scorer can detect
    without mask    the same samples without the mask         what is detected by chance, or by the caption alone

The palette, which sees the hues that captions ask for, is no network, and is always applied.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.evaluation import extraction, sampling_stage
from debruit.evaluation.caption_content import NONE, requested_hues, things_of
from debruit.evaluation.extraction import images_key
from debruit.evaluation.image_set import HELDOUT_RECONSTRUCTION, REAL_BASELINE, SAMPLES, Agreement, ImageSet
from debruit.evaluation.judge_data import captions_of
from debruit.evaluation.networks import Networks
from debruit.evaluation.progress import StageTimer
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.sampling_stage import SampleRequest
from debruit.evaluation.splits import EvalSplit
from debruit.judges import hues
from debruit.judges.captions.scorer import Scorer
from debruit.metrics.retrieval import Candidates
from debruit.models.loaded import LoadedModel

WITHOUT_MASK = 200  # samples without the mask: each costs as much as one with it
STAGES = {SAMPLES: "samples", REAL_BASELINE: "real images", HELDOUT_RECONSTRUCTION: "decoded images"}


@dataclass(frozen=True)
class Alignment:
    """Adds requested conditions and predictions to the image sets of a diffusion model."""

    loaded: LoadedModel
    dataset: Dataset
    split: EvalSplit
    request: SampleRequest
    networks: Networks
    store: ResultStore
    timer: StageTimer

    def add(self, sets: dict[str, ImageSet], *, without_mask: bool) -> dict[str, ImageSet]:
        """The image sets, those of images with conditions with their agreement; `without_mask`: whether samples without
        the mask are made too."""
        conditions, done = self.request.conditions, dict(sets)
        for name in (SAMPLES, REAL_BASELINE, HELDOUT_RECONSTRUCTION):
            if name in sets:
                count = len(sets[name])
                real = conditions.counterparts(0, count) if name == SAMPLES else self.split.baseline[:count]
                done[name] = self._agreement(sets[name], real, STAGES[name], cached=name == REAL_BASELINE)
        samples = done[SAMPLES]
        if conditions.has("image"):
            real = self.dataset.images_of(conditions.counterparts(0, len(samples)))
            samples = replace(samples, originals=ImageSet(images=real, spec=self.dataset.spec))
        if without_mask and conditions.has("mask"):
            samples = replace(samples, without_mask=self._without_mask(len(samples)))
        return done | {SAMPLES: samples}

    def _agreement(self, images: ImageSet, real: np.ndarray, stage: str, *, cached: bool = False) -> ImageSet:
        """The images with their agreement to the conditions of the `real` images; `cached` if they are those images."""
        scored, count = np.isin(real, self.split.scored), len(images)
        segmenter, scorer = self.networks.segmenter, self.networks.scorer
        if segmenter is not None:
            segments = self.timer.run(f"segmentation, {stage}", count, self._segment(images.images))
            assert self.dataset.masks is not None
            masks = Agreement(
                requested=np.asarray(self.dataset.masks[real]),
                predicted=segments,
                scored=scored,
                network=segmenter.label,
                names=getattr(segmenter, "names", None) or self.dataset.spec.mask_names,
            )
            images = replace(images, masks=masks)
        if scorer is not None:
            captions = captions_of(self.dataset, real)
            agreement = Agreement(
                requested=scorer.captions(captions),
                predicted=scorer.images(self._features(images, real, stage, cached)),
                scored=scored
                & np.array([bool(caption) for caption in captions]),  # an image without one does not count
                network=scorer.label,
                **self._other_captions(scorer, real),
            )
            images = replace(images, captions=agreement)
        if self.request.conditions.has("prompt") and hues.in_colour(images.spec):
            images = replace(images, hues=self._hues(images, real, scored))
        return images

    def _other_captions(self, scorer: Scorer, real: np.ndarray) -> dict[str, Any]:
        """Numbers of the things that the `real` images show and of their classes, and captions of other images."""
        things, classes = things_of(self.dataset), self.dataset.labels
        if classes is None:
            return {"things": things[real]}
        others = self.split.candidates
        others = others[[bool(caption) for caption in captions_of(self.dataset, others)]]
        embeddings = scorer.captions(captions_of(self.dataset, others))
        candidates = Candidates(embeddings, things[others], classes[others])
        return {"things": things[real], "classes": classes[real], "candidates": candidates}

    def _hues(self, images: ImageSet, real: np.ndarray, scored: np.ndarray) -> Agreement:
        """The hues that the captions of the `real` images ask for, and the dominant ones of the images."""
        requested = requested_hues(self.dataset, real)
        return Agreement(
            requested=requested,
            predicted=hues.dominant_hues(images.images),
            scored=scored & (requested != NONE),
            network=hues.LABEL,
            names=hues.NAMES,
        )

    def _without_mask(self, count: int) -> ImageSet | None:
        """The first samples again without their masks, with the agreement to masks and captions; None for a model that
        was always trained with masks."""
        if any(c.item == "mask" and c.drop == 0 for c in self.loaded.model.config.conditioners):
            return None
        request = replace(
            self.request, count=min(count, WITHOUT_MASK), conditions=self.request.conditions.without("mask")
        )
        work = sampling_stage.sample(self.loaded, self.store, request)
        images = self.timer.run("samples without the mask", request.count, work)
        real = request.conditions.counterparts(0, request.count)
        return self._agreement(ImageSet(images=images, spec=self.dataset.spec), real, "without the mask")

    def _segment(self, images: Tensor):
        """Yields the images done; returns predicted masks, (N, H, W) uint8."""
        done, segmenter = [], self.networks.segmenter
        assert segmenter is not None
        for start in range(0, len(images), extraction.BATCH):
            batch = images[start : start + extraction.BATCH]
            key = [segmenter.fingerprint, images_key(batch)]
            make = lambda: segmenter(batch, self.dataset.spec)  # noqa: B023, E731
            done.append(self.store.get_or_make("segments", key, make))
            yield start + len(batch)
        return np.concatenate(done)

    def _features(self, images: ImageSet, real: np.ndarray, stage: str, cached: bool) -> np.ndarray:
        """The features that the caption scorer takes; those of the image set if they are of the same network."""
        extractor = self.networks.caption_features
        if images.network == extractor.label and len(images.features):
            return images.features
        work = (
            extraction.extract_real(self.dataset, real, extractor)
            if cached
            else extraction.extract(images.images, self.dataset.spec, extractor, self.store)
        )
        return self.timer.run(f"features for captions, {stage}", len(images), work)
