"""Evaluation: what a model finds on labelled boards, how good that is, and whether it may replace another."""
