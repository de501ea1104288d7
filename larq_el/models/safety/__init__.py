"""What a file of unknown origin may name, decided before anything of it is imported or called."""
