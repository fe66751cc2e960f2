"""Networks: (x, noise level, cond) -> tensor. They know no schedule, no prediction type and no loss."""
