"""Trained models: diffusion models and autoencoders, their configuration and their file."""
