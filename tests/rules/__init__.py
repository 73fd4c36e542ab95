"""Rules: when they apply, what they do, and what is told of those that did not."""
