"""From noise to images: grids of times, samplers (one file each), guidance, and the only sampling loop.

A sampler steps from t to s < t. It calls `denoise(x_t, t)` for an `Estimate`, draws fresh noise from `noise()`, and
returns x_s with its own state; it knows no device, progress bar or network. Times are Python floats.
"""
