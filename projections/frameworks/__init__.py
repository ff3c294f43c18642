"""Frameworks: what an auditor audits against, each in a file of its own (`data/`).

    framework   what such a file holds, and reading it
    evidence    what a ledger holds for the controls of one, in a period

A framework that is added as a file needs no code. `tests/test_frameworks.py` holds those that are
shipped to the vocabulary, `tests/test_evidence.py` evidence to the scenario.
"""
