"""The training of an autoencoder: L = L_recons + b1 L_KL + b2 L_perceptual + b3 L_adversarial, with a discriminator that is watched."""
