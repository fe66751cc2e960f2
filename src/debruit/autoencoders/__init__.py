"""Codecs: images <-> what the diffusion model sees."""
