"""Labs: exercises that reproduce a documented error, with hints, checks and solutions that are played."""
