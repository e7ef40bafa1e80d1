"""What stops a local site from starting: always one line that says what to do."""

from dicomdex.errors import DicomdexError


class SiteError(DicomdexError):
    """The site on this machine can't go on; the message says why and what to do."""
