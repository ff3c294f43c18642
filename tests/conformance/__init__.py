"""The formats, checked by a program of others: aics-tlog, unmodified."""
