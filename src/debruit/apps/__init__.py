"""What people start: the command line."""

from debruit.apps.threads import wait_briefly

wait_briefly()  # before anything here imports torch
