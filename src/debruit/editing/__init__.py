"""Edits of images by a trained model. One idea per file:

    image_to_image  noise an image part of the way, and denoise it
    inpainting      repaint a region, keep the rest exactly
    outpainting     continue an image beyond its borders
    inversion       find the noise from which an image is sampled
    variations      images near one, in the space of its noise
    interpolation   images between two, in the space of their noises
    upscaling       super-resolution, by a model trained for it

Each takes a model and images (B, C, H, W) in the dtype and range of the data, and returns such images. Besides its own
options it takes those of `Model.trajectory` (conditions, prompt, label, mask, steps, sampler, guidance, seed, first
...), and `batch`, the number of images at a time. It emits events.progress at each step, and can be cancelled there.
Image k of the batch has the noise of (seed, first + k), whatever the batch. A condition that is not given is dropped;
classes are not used in turn.
"""
