"""What a real server said, kept: recordings as scenarios, and two servers compared."""
