"""Plays a scenario's steps over real sockets, sees what a client sees, and says what the portal would say."""
