"""Analyses, one file each: parts of an evaluation that are not a row of scores of the samples."""
