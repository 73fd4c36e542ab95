"""The Windows server around the host: services, files, event logs, and the commands that look at them."""
