"""Where the packages lie; everything else is declared in pyproject.toml."""

from setuptools import find_packages, setup

# The configs stand beside the package, where people look for them, and are installed inside it.
setup(
    packages=[*find_packages(include=["dmtrack*"]), "dmtrack.configs"],
    package_dir={"dmtrack.configs": "configs"},
)
