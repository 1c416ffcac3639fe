"""The description for package indexes: the README, whose links lead to the repository's host instead of to files.

Everything else stands in pyproject.toml.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent


def described():
    """Return README.md with absolute links, at the tag of this version."""
    source = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
    version = re.search(r'^__version__ = "(.+)"$', (ROOT / "skae/_version.py").read_text(encoding="utf-8"), re.M)[1]
    tag = "main" if ".dev" in version else f"v{version}"
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"(!\[[^\]]*\]\()(?!\w+:)", rf"\g<1>{source}/raw/{tag}/", text)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?![\w+]+:|#)", rf"\g<1>{source}/blob/{tag}/", text)


setup(long_description=described(), long_description_content_type="text/markdown")
