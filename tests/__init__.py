"""Tests state promises; what several of them need lies beside them in modules of its own."""
