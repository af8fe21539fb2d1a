"""`python -m aoi_app` is `aoi`."""

from aoi_app.cli import main

if __name__ == "__main__":
    main()
