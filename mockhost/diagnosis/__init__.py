"""What error texts mean: a catalogue of texts with their cause, scenario and cure, and one matcher over it."""
