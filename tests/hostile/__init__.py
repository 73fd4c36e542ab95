"""Requests that mean no good: a corpus of texts, and generators that make requests of them."""
