"""debruit (French *débruitage*, denoising)."""

__version__ = "0.1.0"
