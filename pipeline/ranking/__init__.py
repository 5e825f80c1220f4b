"""What moved, where it began, and which change explains it: pure functions over series, entities and changes."""
