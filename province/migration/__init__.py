"""The move of the old machine rooms: phases, gates and the conductor are pure; what touches servers stands apart."""
