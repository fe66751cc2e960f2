"""The layers of a drawing: the named groups directly below the root of an SVG, in the order in which they are painted.

OpenMoji's are `color`, `skin`, `skin-shadow`, `hair`, `color-foreground`, `line`, `line-supplement`: outlines and
masks.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection

_SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def layers(svg: str) -> tuple[str, ...]:
    """The names of the layers that hold something, lowest first."""
    return tuple(
        group.get("id", "") for group in _groups(ElementTree.fromstring(svg)) if len(group) and group.get("id")
    )


def only(svg: str, layer: str) -> str:
    """The drawing with all other layers taken out. Empty where it has no such layer."""
    drawing = ElementTree.fromstring(svg)
    for group in _groups(drawing):
        if group.get("id") != layer:
            drawing.remove(group)
    return ElementTree.tostring(drawing, encoding="unicode")


def without(svg: str, hidden: Collection[str]) -> str:
    """The drawing with these layers taken out."""
    drawing = ElementTree.fromstring(svg)
    for group in _groups(drawing):
        if group.get("id") in hidden:
            drawing.remove(group)
    return ElementTree.tostring(drawing, encoding="unicode")


def _groups(drawing: ElementTree.Element) -> list[ElementTree.Element]:
    return drawing.findall(f"{{{_SVG}}}g")
