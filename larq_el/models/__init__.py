"""Opening what a user names: a model of the zoo, a file, the folder of a SavedModel."""
