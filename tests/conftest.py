"""What every test shares. Folders that hold helpers of tests are on the path by `pythonpath` in pyproject.toml."""
