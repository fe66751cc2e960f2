"""From a data set and a budget to a run: network, batch, length, memory, speed."""
