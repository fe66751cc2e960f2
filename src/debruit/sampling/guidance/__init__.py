"""Guidance: functions from denoiser to denoiser."""
