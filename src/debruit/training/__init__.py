"""Training: `config.py` has everything that determines a run, `state.py` everything that changes, `loop.py` the steps,
and `supervisor.py` the files, the clock and the reports around them."""
