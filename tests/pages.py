"""A page as a person reads it, so that a test does not hang on how a template is indented."""

import re


def one_line(html: str) -> str:
    """The page with every run of blanks as one."""
    return " ".join(html.split())


def words(html: str) -> str:
    """What stands on the page, without tags."""
    return one_line(re.sub(r"<[^>]*>", " ", html))
