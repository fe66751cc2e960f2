"""Which class each pixel of an image is of: by the colours of drawings, or by a small network trained on the user's own masks."""
