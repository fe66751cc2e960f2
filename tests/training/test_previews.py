"""Previews are drawn under conditions of the data: classes in turn, or what held-out images have, also for a model that
was never without."""

from dataclasses import replace

import numpy as np
import tiny
import torch

import tiny_latent
from debruit.conditioning.label import Label
from debruit.conditioning.low_res import LowRes
from debruit.data.split import Split, split, split_of
from debruit.evaluation.memorisation.monitor import CopyAlarm
from debruit.training.previews import conditions
from debruit.training.run_folder import RunFolder
from debruit.training.state import TrainState
from debruit.training.supervisor import open_task
from debruit.training.tasks import diffusion

CPU = torch.device("cpu")


def enlarging(dataset):
    """A run on the digits whose model is given the image of half the size, never dropped."""
    run = tiny.run()
    image = LowRes(scale=2)
    network = replace(tiny.NETWORK, vector_channels=0, spatial_channels=image.width(dataset.spec, 1))
    sampling = replace(run.model.sampling, guidance=1.0)
    return replace(run, model=replace(run.model, network=network, conditioners=(image,), sampling=sampling))


def test_classes_come_in_turn():
    run = tiny.run()
    dataset = run.source.build()
    asked = conditions(run, dataset, split_of(dataset, run), 12)
    assert asked.values["label"].tolist() == [n % 10 for n in range(12)]
    assert asked.keep["label"].all()


def test_else_held_out_images_give_theirs():
    """Beside another condition, a class is that of the same image."""
    dataset = tiny.run().source.build()
    run = enlarging(dataset)
    _, held_out = split(len(dataset), run.held_out_images, run.seed)
    (image,) = run.model.conditioners
    asked = conditions(run, dataset, split_of(dataset, run), 4)
    assert torch.equal(asked.values["low-res"], image.read({"image": dataset.images_of(held_out[:4])}, dataset.spec))
    both = replace(run, model=replace(run.model, conditioners=(image, Label())))
    asked = conditions(both, dataset, split_of(dataset, both), 4)
    assert asked.values["label"].tolist() == dataset.labels[held_out[:4]].tolist()


def test_more_previews_than_held_out_images_repeat_them():
    dataset = tiny.run().source.build()
    run = replace(enlarging(dataset), validation_images=3)
    values = conditions(run, dataset, split_of(dataset, run), 7).values["low-res"]
    assert torch.equal(values[:3], values[3:6])
    none = replace(run, validation_images=0)
    values = conditions(none, dataset, split_of(dataset, none), 2).values["low-res"]
    assert len(values) == 2, "then images of the training"


def test_a_model_that_was_never_without_its_image_has_previews():
    dataset = tiny.run().source.build()
    run = enlarging(dataset)
    images = diffusion.sample_images(run, TrainState.start(run, CPU), dataset, split_of(dataset, run), 3, 0)
    assert images.shape == (3, *dataset.spec.shape)
    assert images.dtype == torch.uint8


def test_a_training_uses_the_split_that_it_was_given(tmp_path):
    """The same Split reaches the task, the previews and the copy alarm; none of them makes one of its own."""
    dataset = tiny.run().source.build()
    given = Split(train=np.arange(40), validation=np.array([50, 61]), test=np.array([50, 61]))
    run = enlarging(dataset)
    values = conditions(run, dataset, given, 2).values["low-res"]
    (image,) = run.model.conditioners
    assert torch.equal(values, image.read({"image": dataset.images_of(given.validation)}, dataset.spec))
    alarm = CopyAlarm(run, dataset, given)
    assert alarm.looked_at.tolist() == given.train.tolist()
    assert alarm.held_out.tolist() == given.validation.tolist()
    autoencoder = RunFolder.create(tmp_path / "autoencoder", tiny_latent.run())
    task = open_task(autoencoder, autoencoder.run.source.build(), CPU, given)
    assert (task.pool is given.train, task.held_out is given.validation) == (True, True)
    assert not dataset.splits, "no other split was made"
