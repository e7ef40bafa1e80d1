"""Applications for Spark: what they compute is text from `dicomdex.index`, where they write is `dicomdex.adapters`."""
