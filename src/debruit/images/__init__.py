"""Image files and figures: decoding to pixels, colour profiles, grids, contact sheets."""
