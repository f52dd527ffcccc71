"""Whether a deployed stack is what it should be, line by line, with the next step of each."""
