"""The losses of an autoencoder, one file a term: L = L_recons + b1 L_KL + b2 L_perceptual + b3 L_adversarial."""
