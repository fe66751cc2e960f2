"""Programs: the command line and the demo."""

from debruit.apps.threads import wait_briefly

wait_briefly()  # before anything here imports torch
