"""A model of the emoji on the three parts that no training sees: the table of its figures, and the figure of README.

    python bench/emoji_model.py table runs/e                # every row, n = 200 a part; also near copies, and masks
    python bench/emoji_model.py table runs/e --fast         # unseen pairs and things alone, for ablations
    python bench/emoji_model.py figure runs/e --out docs/emoji.png

Samples are by prompt alone unless a row says otherwise. Each part is an evaluation of its own (`debruit evaluate MODEL
--data emoji/unseen-pairs --condition text`), whose report stays in a folder, so that the same command resumes where it
was stopped. Next to each score are the real drawings of that part, scored by the same networks, which learn from the
training drawings.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from debruit import events
from debruit.apps.process import prepare_process
from debruit.data.split import split_of_model
from debruit.errors import InputError
from debruit.evaluation.memorisation.nearest import nearest
from debruit.evaluation.result import Evaluation
from debruit.images import figures
from debruit.images.row_sheet import row_sheet
from debruit.judges.feature_cache import reference_features
from debruit.judges.find import find_extractor
from debruit.metrics.score import Score
from debruit.models.loaded import LoadedModel
from debruit.workflows.evaluate import EvaluateRequest, evaluate
from debruit.workflows.evaluation_data import find_data

PAIRS, THINGS, COLOURS = "emoji/unseen-pairs", "emoji/unseen-things", "emoji/unseen-colours"
CAPTIONS, PLAIN, STYLE, HUE = "caption-retrieval-in-class", "caption-retrieval", "accuracy", "colour-agreement"
FRECHET, MASKS, COPIES = "frechet", "mask-iou", "memorisation"
REFERENCE = 1_000  # real drawings that the Frechet distances compare with
SHOWN = ((THINGS, 4), (PAIRS, 4), (COLOURS, 2))  # rows of the figure
SAMPLES, LONGEST, LEAST = 4, 32, 20


@dataclass(frozen=True)
class Row:
    """A line of the table: a score of one part, and its goal as a share of the real drawings' or by itself."""

    what: str
    part: str
    name: str
    goal: float | None = None
    of_real: bool = False
    at_most: bool = False
    fast: bool = False
    mask: bool = False


ROWS = (
    Row("caption among 20 of its style, unseen pairs", PAIRS, CAPTIONS, 0.90, of_real=True, fast=True),
    Row("caption among 20 of its style, unseen things", THINGS, CAPTIONS, 0.65, of_real=True, fast=True),
    Row("caption among 20, unseen pairs", PAIRS, PLAIN),
    Row("caption among 20, unseen things", THINGS, PLAIN),
    Row("style asked for, unseen pairs", PAIRS, STYLE, 0.90, fast=True),
    Row("style asked for, unseen things", THINGS, STYLE, 0.90, fast=True),
    Row("colour asked for, unseen colours", COLOURS, HUE, 0.85),
    Row("colour asked for, unseen pairs", PAIRS, HUE, fast=True),
    Row("Frechet distance, unseen pairs", PAIRS, FRECHET, 2.0, of_real=True, at_most=True, fast=True),
    Row("Frechet distance, unseen things", THINGS, FRECHET, fast=True),
    Row("mask agreement (mIoU) with the masks of unseen pairs", PAIRS, MASKS, 0.76, mask=True),
    Row("the same without the mask", PAIRS, f"{MASKS}-without-mask", mask=True),
)


def table(options: argparse.Namespace) -> None:
    """Evaluate the model, and print the table as markdown."""
    loaded = LoadedModel.open(str(options.model), options.device)
    conditioners = loaded.model.config.conditioners
    masked = any(c.item == "mask" for c in conditioners)
    options.prompt = [c.name for c in conditioners if c.item in ("text", "label")]  # a style may be a label too
    rows = [row for row in ROWS if (row.fast or not options.fast) and (masked or not row.mask)]
    measurements, judge = {}, {}
    for part, mask in sorted({(row.part, row.mask) for row in rows}):
        names = [row.name for row in rows if (row.part, row.mask) == (part, mask)]
        evaluation = measured(options, part, names, mask)
        judge = evaluation.networks.get("classifier") or judge
        scores = {s.name: s for s in evaluation.scores}, {s.name: s for s in evaluation.real_baseline}
        measurements[part, mask] = scores
    print(f"{options.model}, n = {options.n} a part, {loaded.provenance.get('images_seen', 0):,} images seen\n")
    print("| | goal | samples | real drawings | of real | holds |\n|-|-|-|-|-|-|")
    for row in rows:
        scores, real = measurements[row.part, row.mask]
        print(line(row, scores.get(row.name), real.get(row.name)))
    if judge:
        share = f"{judge['accuracy']:.1%} ({judge['low']:.1%} to {judge['high']:.1%})"
        print(
            f"\nThe classifier of styles names that of {share} of {judge['held_out']:,} real drawings not shown to it."
        )
    if not options.fast:
        print(f"\n{copies(options)}")


def measured(options: argparse.Namespace, part: str, names: list[str], mask: bool) -> Evaluation:
    """The scores of samples and of real drawings. A score that does not apply to this data is left out."""
    whole = [MASKS if name.startswith(MASKS) else name for name in names]
    folder = options.out / part.rpartition("/")[2]
    request = EvaluateRequest(
        options.model,
        data=part,
        metrics=list(dict.fromkeys(whole)),
        condition=None if mask else options.prompt,
        n=options.n,
        reference=REFERENCE,
        out=folder / ("mask" if mask else "prompt"),
        device=options.device,
        seed=options.seed,
        training_data=options.training_data,
    )
    return evaluate(request).evaluation


def line(row: Row, score: Score | None, real: Score | None) -> str:
    """A row of the table."""
    share = score.value / real.value if score and real and real.value else None
    reached = share if row.of_real else score.value if score else None
    goal = (
        "" if row.goal is None else f"{'<=' if row.at_most else '>='} {row.goal:g}{' of real' if row.of_real else ''}"
    )
    holds = ""
    if row.goal is not None and reached is not None:
        holds = "yes" if (reached <= row.goal if row.at_most else reached >= row.goal) else "no"
    cells = (row.what, goal, shown(score), shown(real), "" if share is None else f"{share:.2f}", holds)
    return f"| {' | '.join(cells)} |"


def shown(score: Score | None) -> str:
    """ "0.912 (0.880 to 0.940), n = 200"."""
    if score is None:
        return ""
    digits = 3 if score.value < 10 else 1
    interval = "" if score.low is None else f" ({score.low:.{digits}f} to {score.high:.{digits}f})"
    return f"{score.value:.{digits}f}{interval}, n = {score.count}"


def copies(options: argparse.Namespace) -> str:
    """The verdict on near copies of training drawings among prompts of all three parts."""
    request = EvaluateRequest(
        options.model,
        data="emoji",
        metrics=COPIES,
        condition=options.prompt,
        n=options.n,
        reference=REFERENCE,
        out=options.out / "copies",
        device=options.device,
        seed=options.seed,
        training_data=options.training_data,
    )
    return evaluate(request).evaluation.analyses[COPIES]["verdict"]


def figure(options: argparse.Namespace) -> None:
    """Draw the figure: ten held-out prompts, not chosen by hand, the real drawing, samples, the nearest training
    drawing."""
    loaded = LoadedModel.open(str(options.model), options.device)
    model = loaded.model
    dataset = find_data("emoji", loaded)
    training = split_of_model(dataset, loaded.provenance).train
    extractor = find_extractor("efficientnet", dataset, device=options.device)
    seen = reference_features(dataset, training, extractor)
    rows = []
    for caption, real in prompts(loaded):
        images = model.generate(SAMPLES, prompt=caption, seed=options.seed)
        near = nearest(extractor(images[:1], dataset.spec), [seen], 1)
        neighbour = dataset.images_of(training[near.indices[:, 0]])
        rows.append((caption, figures.displayable(torch.cat([real, images, neighbour]), dataset.spec)))
        print(f"{caption}: nearest is {dataset.paths[training[near.indices[0, 0]]]}")
    heads = ["held out", "sample", *[""] * (SAMPLES - 1), "nearest"]
    figures.save(row_sheet(rows, heads=heads), options.out)


def prompts(loaded: LoadedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """Captions and drawings of the parts: the first by SHA-256 of their names, each thing once, styles as evenly as can
    be; with captions that fit next to a row."""
    things, styles = set(), []
    for part, count in SHOWN:
        dataset = find_data(part, loaded)
        order = sorted(range(len(dataset)), key=lambda n: hashlib.sha256(dataset.paths[n].encode()).digest())
        taken = 0
        while taken < count:
            n = next(n for n in order if fits(dataset, n, things, styles))
            order.remove(n)
            style, thing = dataset.paths[n].split("/")
            things.add(thing.split("@")[0].split("+")[0])
            styles.append(style)
            taken += 1
            yield dataset.texts[n][0], dataset.images_of([n])


def fits(dataset, n: int, things: set[str], styles: list[str]) -> bool:
    """Whether a drawing is of a thing that is not shown yet, and of one of the styles that are shown least."""
    style, thing = dataset.paths[n].split("/")
    least = min(styles.count(name) for name in {path.split("/")[0] for path in dataset.paths})
    new = thing.split("@")[0].split("+")[0] not in things
    return new and styles.count(style) == least and len(dataset.texts[n][0]) <= LONGEST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, run in (("table", table), ("figure", figure)):
        verb = verbs.add_parser(name)
        verb.set_defaults(run=run)
        verb.add_argument("model", type=Path)
        verb.add_argument("--out", type=Path)
        verb.add_argument("--device", default="auto")
        verb.add_argument("--seed", type=int, default=0)
        if name == "table":
            verb.add_argument("-n", type=int, default=200)
            verb.add_argument("--fast", action="store_true")
            verb.add_argument("--training-data", help="the data of the judges, if it has changed since the training")
    options = parser.parse_args()
    stem = options.model.name.removesuffix(".safetensors")
    options.out = options.out or Path("runs" if options.verb == "table" else "docs") / (
        f"{stem}-emoji" if options.verb == "table" else "emoji.png"
    )
    prepare_process()
    with events.listen(report):
        try:
            options.run(options)
        except InputError as error:
            sys.exit(f"{error}")


def report(event: events.Event) -> None:
    """Print the lines of the work, not its progress."""
    if event.message:
        print(event.message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
