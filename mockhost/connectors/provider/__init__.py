"""A complete SCIM service provider without HTTP: what a connector of kind `scim` serves (RFC 7643, 7644 and 9865)."""
