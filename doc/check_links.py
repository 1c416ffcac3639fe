"""List links, anchors and images of a built site that lead nowhere: ``python doc/check_links.py doc/_build/html``."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and which anchors it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note links and anchors of a tag."""
        attrs = dict(attrs)
        self.anchors.update(attrs[name] for name in ("id", "name") if attrs.get(name))
        for name in ("href", "src"):
            if attrs.get(name):
                self.links.add(attrs[name])


def broken_links(site):
    """Return (page, link) of all internal links that lead nowhere."""
    site = Path(site).resolve()
    pages = {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}
    broken = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            missing = not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors)
            if missing:
                broken.append((path.relative_to(site), link))
    return len(pages), broken


def main(arguments):
    """Print what is broken; return 1 if something is."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    n_pages, broken = broken_links(arguments[0])
    for page, link in broken:
        print(f"{page}: {link}")
    print(f"{n_pages} pages, {len(broken)} broken links")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
