"""What people do with a trained model and an image: vary it, repair it, enlarge it, blend two. One idea a file.

    image_to_image  from a noised image down            inversion       from an image up to its noise
    inpainting      a region anew, the rest exactly     variations      images around one, in the space of its noise
    outpainting     the same around an image            interpolation   images between two, in the space of their noises
    upscaling       by a model that was trained for it

Each takes a model and images at rest, (B, C, H, W) in the dtype and range of the data, and returns the like. Beside
what is its own it takes the options of `Model.trajectory` (prompt, label, mask, steps, sampler, guidance, seed, first
...), `batch`, and `watch`, which is told the share that is done. Image k of the batch has the noise of (seed, first +
k), so that it is the same alone. A condition that is not given is dropped: where drawing takes the classes in turn, an
edit takes none.
"""
