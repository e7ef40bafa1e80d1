"""The rules of dicomdex, in the order of the flow: drop, manifest, extract, catalog, resolve, index, validate."""

__version__ = "0.1.0"
