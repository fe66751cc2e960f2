"""Tasks: the training of a diffusion model or of an autoencoder, behind one protocol."""
