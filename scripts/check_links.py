#!/usr/bin/env python3
"""Checks the relative links of the README, the changelog and the guide, or of the built guide.

  scripts/check_links.py                  Markdown: files and headings exist, and the guide's pages are in its table of contents
  scripts/check_links.py target/book      HTML: files and anchors exist

Prints every broken link with its file and line, and exits with 1 if there is one.
"""

import html.parser
import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
GUIDE = REPOSITORY / 'docs'
LINK = re.compile(r'!?\[[^\]]*\]\(([^)\s]+)\)')
CODE = re.compile(r'`[^`]*`')


def prose(file):
    """The numbered lines of a Markdown file outside fenced code."""
    fenced = False
    for number, line in enumerate(file.read_text(encoding='utf-8').splitlines(), 1):
        if line.lstrip().startswith('```'):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(file):
    """The anchors of a Markdown file's headings, as GitHub and mdBook name them."""
    titles = (line.lstrip('#').strip() for _, line in prose(file) if line.startswith('#'))
    titles = (re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', title) for title in titles)
    return {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}


def broken_in(file):
    """The broken links of a Markdown file: line, link, reason."""
    for number, line in prose(file):
        for link in LINK.findall(CODE.sub('``', line)):
            if re.match(r'[a-z]+:', link):
                continue
            path, _, anchor = link.partition('#')
            target = (file.parent / path).resolve() if path else file
            if path.startswith('api/') and file.parent == GUIDE:
                crate = path.split('/')[1].replace('_', '-')
                if crate != 'sibert' and not (REPOSITORY / 'crates' / crate).is_dir():
                    yield number, link, f'there is no crate {crate}'
            elif not target.exists():
                yield number, link, 'no such file'
            elif file.is_relative_to(GUIDE) and not target.is_relative_to(GUIDE):
                yield number, link, 'leads out of the guide'
            elif anchor and anchor not in anchors(target):
                yield number, link, 'no such heading'


def in_markdown():
    """Broken links of all Markdown files, and pages that the table of contents lacks."""
    pages = sorted(GUIDE.rglob('*.md'))
    contents = GUIDE / 'SUMMARY.md'
    listed = {(GUIDE / link).resolve() for _, line in prose(contents) for link in LINK.findall(line)}
    for file in [REPOSITORY / 'README.md', REPOSITORY / 'CHANGELOG.md', *REPOSITORY.glob('crates/*/README.md'), *pages]:
        yield from ((file, *broken) for broken in broken_in(file))
        if file in pages and file != contents and file not in listed:
            yield file, 1, file.name, 'not in docs/SUMMARY.md'


class Page(html.parser.HTMLParser):
    """The links and anchors of a page of the built guide."""

    def __init__(self, file):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(file.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get('id'))
        name = {'a': 'href', 'img': 'src', 'script': 'src', 'link': 'href'}.get(tag)
        if attributes.get(name):
            self.links.append((self.getpos()[0], attributes[name]))


def in_book(book):
    """Broken links of the built guide; of the API documentation only that its pages exist."""
    api = book / 'api'
    pages = {file.resolve(): Page(file) for file in book.rglob('*.html') if not file.is_relative_to(api)}
    for file, page in pages.items():
        for number, link in page.links:
            if re.match(r'[a-z]+:|//', link) or file.name == '404.html':
                continue
            path, _, anchor = link.partition('#')
            target = (file.parent / path).resolve() if path else file
            if not target.exists():
                yield file, number, link, 'no such file'
            elif anchor and target in pages and anchor not in pages[target].ids:
                yield file, number, link, 'no such anchor'


def main():
    broken = list(in_book(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else in_markdown())
    for file, number, link, reason in broken:
        print(f'{file}:{number}: {link}: {reason}')
    sys.exit(1 if broken else 0)


if __name__ == '__main__':
    main()
