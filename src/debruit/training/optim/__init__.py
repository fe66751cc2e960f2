"""Optimiser steps, gradients and averaged weights."""
