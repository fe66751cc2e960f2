"""What is trained: a diffusion model or an autoencoder, behind one protocol."""
