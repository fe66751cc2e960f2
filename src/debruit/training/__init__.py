"""Training. `run.py` says what determines it, `state.py` what changes, `step.py` is the loop; files, clocks and
messages are `supervisor.py`'s."""
