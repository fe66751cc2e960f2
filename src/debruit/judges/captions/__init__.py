"""An independent judge of whether an image shows its caption, trained on the user's images and captions."""
