"""What every room stands on: the project's paths, errors, atomic writes, digests, git and DVC."""
