"""Rasterising SVG, and areas of colour: the part that sources of drawings share."""
