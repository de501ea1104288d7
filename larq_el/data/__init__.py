"""Images to arrays: data sets, augmentation, preprocessing, samples from files."""
