"""What files say of their images: classes, captions, masks, tables, and which part of a division they are of."""
