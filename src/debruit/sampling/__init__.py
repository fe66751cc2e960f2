"""From noise to images: grids of times, samplers (one file each), guidance, and the only loop.

A sampler goes from t to s < t. It asks `denoise(x, t)` for an Estimate, gets fresh noise from `noise()`, and returns the new x with
its own state; it knows of no device, progress bar or network. Times are Python floats.
"""
