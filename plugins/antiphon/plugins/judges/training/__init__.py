"""What the acoustic judge's weights are made of: words, voices, noises, rooms, and the fitting."""
