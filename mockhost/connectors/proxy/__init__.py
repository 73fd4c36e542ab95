"""A connector of kind `proxy`: requests go on to a real server, and its answers come back."""
