"""Scores for other programs: what is written reads back, what is special is escaped, what is not finite is said."""

import csv
import io
import json
import math
import re

import numpy as np
import pytest

import judging
import judging_conditions as shapes
from debruit import __version__
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.images import grids
from debruit.metrics.score import Score
from debruit.models.loaded import LoadedModel
from debruit.provenance import BIBTEX
from debruit.reports import columns, figure, record, tables
from debruit.reports.tables import Column, as_csv, as_latex, escaped

FD = Score(name="frechet", label="FD-EffNetLite0", value=12.345678, low=11.8, high=12.9, count=2000, better="low")
SHARE = Score(
    name="accuracy-a&b_c",
    label="accuracy-Classifier(x): a&b_c",
    value=0.5,
    low=0.4,
    high=0.6,
    count=10,
    note='says "so", 1',
)
PSNR = Score(name="psnr", label="PSNR", value=math.inf, count=3, unit="dB", note="identical")
COLUMNS = [
    Column(model="runs/d", images="samples", scores=[FD, SHARE, PSNR], networks=["EffNetLite0", "Classifier(x)"]),
    Column(model="runs/d", images="real images", scores=[FD]),
]


def test_the_csv_reads_back_to_the_last_digit():
    head, *rows = csv.reader(io.StringIO(as_csv(COLUMNS)))
    assert tuple(head) == tables.HEAD
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["images"] for row in found] == ["samples"] * 3 + ["real images"]
    assert (float(found[0]["value"]), float(found[0]["low"]), int(found[0]["n"])) == (12.345678, 11.8, 2000)
    assert [row["network"] for row in found[:2]] == ["EffNetLite0", "Classifier(x)"]
    assert found[1]["note"] == 'says "so", 1'
    assert (found[2]["value"], found[2]["low"]) == ("", "")
    assert found[2]["note"] == "the value is inf; identical"


def test_the_latex_table_is_booktabs_with_intervals_counts_and_networks():
    text = as_latex(COLUMNS, ["debruit evaluate runs/d", "debruit 1, torch 2"])
    lines = text.splitlines()
    assert lines[:2] == ["% debruit evaluate runs/d", "% debruit 1, torch 2"]
    assert [line for line in lines if "rule" in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"FD-EffNetLite0 & $12.3$ [$11.8$, $12.9$] & 2000 & $12.3$ [$11.8$, $12.9$] & 2000 \\" in lines
    assert r"accuracy-Classifier(x): a\&b\_c & $0.50$ [$0.40$, $0.60$] & 10 &  &  \\" in lines
    assert r"PSNR & $\infty$ & 3 &  &  \\" in lines
    body = [line for line in lines if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {4}, "every row has as many cells"
    assert r"\begin{tabular}{lrrrr}" in lines


def test_what_would_be_an_empty_column_stands_below():
    bits = Score(name="likelihood", label="bits/dim", value=3.5, count=8)
    text = as_latex([*COLUMNS, Column(model="runs/d", images="likelihood", scores=[bits])], [])
    assert r"likelihood: bits/dim & $3.50$ & 8 &  &  \\" in text
    assert r"\begin{tabular}{lrrrr}" in text


def test_special_characters_are_escaped():
    assert escaped("100 % of a_b & {x}^2 ~ $5 #1 \\n\nFD∞") == (
        r"100 \% of a\_b \& \{x\}\textasciicircum{}2 \textasciitilde{} \$5 \#1 \textbackslash{}n FD$\infty$"
    )
    assert escaped("été") == "été"


def test_several_models_are_named_in_the_head():
    other = Column(model="runs/e_2", images="samples", scores=[FD])
    assert r"score & runs/d, samples & $n$ & runs/d, real images & $n$ & runs/e\_2, samples & $n$ \\" in as_latex(
        [*COLUMNS, other], []
    )


@pytest.mark.parametrize(
    ("value", "reason"), [(math.nan, "not a number"), (math.inf, "infinite (inf)"), (-math.inf, "infinite (-inf)")]
)
def test_json_has_null_with_a_reason(tmp_path, value, reason):
    record.dump({"deep": {"curve": [1.0, value, 2.0], "rate": value}}, tmp_path / "r.json")
    text = (tmp_path / "r.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    found = json.loads(text)
    assert found["deep"]["rate"] is None
    assert reason in found["deep"]["rate_reason"]
    assert found["deep"]["curve_reason"].startswith("1 of 3 are not finite")


def test_the_citation_names_no_person_and_no_address():
    text = BIBTEX
    assert "author  = {{The debruit developers}}" in text
    assert f"version = {{{__version__}}}" in text
    assert re.search(r"year\s+= \{\d{4}\}", text)
    assert "http" not in text
    assert text.count("{") == text.count("}")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    data, folder = shapes.shapes(), tmp_path_factory.mktemp("work")
    subject = LoadedModel(name="m", model=shapes.model(data, "text", "mask", "label"), digest="0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEBRUIT_CACHE", str(folder / "cache"))
        judging.look_through(judging.Projection(), patch)
        request = Request(count=24, metrics=("frechet", "diversity"), batch=24)
        return evaluate(subject, data, request, ResultStore.open(folder, "m", "0"))


def test_the_figure_has_a_row_for_conditions_real_images_and_samples(found):
    rows, heads, lines, legend = figure._samples(found)
    assert [name for name, _ in rows] == ["mask", "real image", "sample"]
    real = found.conditions.counterparts(0, figure.COLUMNS)
    assert heads == [f"{k}  {shapes.COLOURS[n]}" for k, n in enumerate(found.conditions.dataset.labels[real], start=1)]
    assert len(lines) == figure.COLUMNS
    assert legend == [("ground", (0, 0, 0)), ("square", (255, 255, 255))]
    picture = figure.figure(found)
    pixels = np.asarray(picture)
    assert pixels.shape[2] == 3
    left, top, right, bottom = json.loads(picture.info[grids.KEY])["boxes"][0]
    assert (left, right - left, bottom - top) == (figure.MARGIN, 12 * 8, 12 * 8), "eight pixels, enlarged to about CELL"
    first = pixels[top:bottom, left:right]
    expected = np.asarray(found.data.palette, np.uint8)[found.conditions.dataset.masks[real[0]]]
    np.testing.assert_array_equal(first[6::12, 6::12], expected)


def test_the_columns_are_those_of_the_report(found):
    made = columns.of_evaluation(found)
    assert [column.images for column in made] == ["samples", "real images"]
    assert made[0].scores == found.scores
    assert made[0].networks == ["Projection"]
