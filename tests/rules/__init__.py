"""Tests of the rules: what each chapter finds, does not find, and where the boundary is."""
