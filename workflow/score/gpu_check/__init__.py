"""A check of training on a GPU: is it right, how fast is it, does a policy learn."""
