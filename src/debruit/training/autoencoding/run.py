"""The run of an autoencoder."""

from dataclasses import dataclass, field

from debruit.autoencoders.losses.criterion import Criterion
from debruit.data.spec import DataSpec
from debruit.errors import InputError
from debruit.first_stage import FirstStageConfig
from debruit.ranges import Images, NotNegative, Repeats
from debruit.training.run import Training


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is held against the discriminator, which can ruin an autoencoder. Scores are held-out reconstruction losses, perceptual part included.

    It enters when reconstruction has flattened: one validation improves the score by less than `flat` of itself (or after the criterion's
    `begins_images`). A validation whose score passes `collapse` times the lowest rolls the weights back to the best and halves the adversarial
    weight; after `roll_backs` of them the discriminator is left out. The best is the latest whose score is within `slack` of the lowest.
    """

    flat: NotNegative = 0.04
    slack: NotNegative = 0.1
    collapse: NotNegative = 1.5
    roll_backs: Repeats = 2

    def __post_init__(self) -> None:
        if not 0 <= self.slack < self.collapse - 1:
            raise InputError(
                f"watch.slack={self.slack:g} and watch.collapse={self.collapse:g}: slack is at least 0 and below collapse - 1"
            )


@dataclass(frozen=True, kw_only=True)
class AutoencoderRun(Training):
    """The training of an autoencoder. The codec's shift, scale and fingerprint are measured when its file is written. Dead codes of a VQ bottleneck
    are revived every `revive_images`."""

    model: FirstStageConfig
    criterion: Criterion = field(default_factory=Criterion)
    watch: Watch = field(default_factory=Watch)
    revive_images: Images = 2_000

    @property
    def data(self) -> DataSpec:
        return self.model.data
