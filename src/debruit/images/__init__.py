"""Image files and pictures: decoding to pixels, colour profiles, grids, contact sheets."""
