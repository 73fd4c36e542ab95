"""Who may name what, by which door, and what a process leaves behind."""
