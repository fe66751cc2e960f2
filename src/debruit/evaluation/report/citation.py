"""How to cite debruit."""

import debruit

NAME, YEAR = "debruit.bib", 2026  # of the version


def bibtex() -> str:
    """One BibTeX entry."""
    return (
        "@software{debruit,\n"
        "  author  = {{The debruit developers}},\n"
        "  title   = {debruit: train, sample, evaluate and study diffusion models on your own images},\n"
        f"  version = {{{debruit.__version__}}},\n"
        f"  year    = {{{YEAR}}}\n"
        "}\n"
    )
