"""How each kind of claim in an answer is checked against what it cites, one file for each kind. Pure, and linear in the text."""
